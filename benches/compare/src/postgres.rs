//! A PostgreSQL server with the default settings, which is durable (`fsync` and `synchronous_commit` are on).

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Outcome, process::free_port};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running PostgreSQL server, which ends when this is dropped.
pub(crate) struct Postgres {
    child: Child,
    folder: PathBuf,
    programs: PathBuf,
    pub(crate) url: String,
}

impl Postgres {
    /// Makes a database cluster in `folder` and starts a server on it. It may use all cores.
    ///
    /// # Errors
    /// If PostgreSQL is not installed or does not start.
    pub(crate) fn start(folder: &Path) -> Outcome<Self> {
        let programs = programs()?;
        let data = folder.join("postgres");
        fs::create_dir(&data)?;
        // PostgreSQL refuses to run as root, so that another user must be able to reach the folder.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(&data))?;
        }
        let cluster = data.join("data");
        let mut initdb = as_other_user(&programs.join("initdb"));
        initdb.arg("--pgdata").arg(&cluster);
        run(initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]))?;
        let port = free_port()?;
        let mut postgres = as_other_user(&programs.join("postgres"));
        postgres.arg("-D").arg(&cluster).args(["-p", &port.to_string()]);
        postgres.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        let log = File::create(folder.join("postgres.log"))?;
        postgres.current_dir(&data).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Self { child: postgres.spawn()?, folder: folder.to_owned(), programs, url };
        let began = Instant::now();
        while server.sql("SELECT 1").is_err() {
            if began.elapsed() > START_TIMEOUT {
                return Err(fs::read_to_string(folder.join("postgres.log"))?.into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    /// Executes SQL statements. Returns what `psql` prints.
    pub(crate) fn sql(&self, statements: &str) -> Outcome<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        run(psql.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statements, &self.url]))
    }

    /// Writes a file beside the database.
    pub(crate) fn file(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let file = self.folder.join(name);
        fs::write(&file, text)?;
        Ok(file)
    }

    /// The command `pgbench`, without the URL.
    pub(crate) fn pgbench(&self) -> Command {
        Command::new(self.programs.join("pgbench"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT ends it fast but in order, and its processes with it.
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().ok();
        self.child.wait().ok();
    }
}

/// Runs a command. Returns its output.
///
/// # Errors
/// If it fails, with its error output.
pub(crate) fn run(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The folder of the newest installed PostgreSQL.
fn programs() -> Outcome<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").map(|entries| entries.flatten().collect::<Vec<_>>());
    let folders = versions.unwrap_or_default().into_iter().map(|entry| entry.path().join("bin"));
    let newest = folders.filter(|folder| folder.join("initdb").exists()).max();
    newest.ok_or_else(|| "PostgreSQL is missing: apt-get install postgresql".into())
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

fn as_other_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}
