use std::{
    fs::{self, File},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sea_orm::ConnectOptions;
use tempfile::TempDir;
use tokio::time::sleep;

use super::process::free_address;

/// How long PostgreSQL may take to start, or to recover what was cut off.
const PATIENCE: Duration = Duration::from_mins(1);

/// `nobody`, as whom PostgreSQL runs where the tests run as root, for it refuses to.
const NOBODY: u32 = 65534;

/// A PostgreSQL server of a test's own, whose power can be cut.
pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    postmaster: Option<Child>,
}

impl Cluster {
    /// Makes an empty one and starts it.
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
        }
        let port = free_address().port();
        let mut cluster = Self { folder, programs: programs(), port, postmaster: None };
        let made = cluster
            .command("initdb")
            .args(["--username=portcullis", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"])
            .status();
        assert!(made.expect("initdb starts").success(), "{}", cluster.log());
        cluster.restore().await;
        cluster
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://portcullis@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends all of its processes at once.
    pub(crate) fn cut(&mut self) {
        let Some(mut postmaster) = self.postmaster.take() else { return };
        // A backend makes a process group of its own, so each is named. None is forked while they are looked up.
        signal("-STOP", &[postmaster.id()]);
        let processes: Vec<u32> = children(postmaster.id()).into_iter().chain([postmaster.id()]).collect();
        signal("-KILL", &processes);
        postmaster.wait().expect("it is ours");
    }

    /// Starts it again and waits until it takes connections.
    pub(crate) async fn restore(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        self.postmaster = Some(self.spawn());
        while !self.answers().await {
            assert!(Instant::now() < deadline, "PostgreSQL does not come up: {}", self.log());
            // It refuses to start while a process of its former life holds the shared memory.
            let ended = |child: &mut Child| child.try_wait().expect("it is ours").is_some();
            if self.postmaster.as_mut().is_none_or(ended) {
                self.postmaster = Some(self.spawn());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn answers(&self) -> bool {
        let mut options = ConnectOptions::new(self.url());
        options.max_connections(1).connect_timeout(Duration::from_millis(200));
        sea_orm::Database::connect(options).await.is_ok()
    }

    fn spawn(&self) -> Child {
        let port = self.port.to_string();
        let options = ["-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="];
        self.command("postgres").args(options).spawn().expect("postgres starts")
    }

    /// A program of PostgreSQL, for this cluster.
    fn command(&self, program: &str) -> Command {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("a file");
        let mut command = Command::new(self.programs.join(program));
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("it is open"))
            .stderr(log);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Whether the tests run as root.
fn is_root() -> bool {
    fs::metadata("/proc/self").expect("Linux").uid() == 0
}

/// Where the programs of PostgreSQL are.
fn programs() -> PathBuf {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok());
    let told = told.map(|path| PathBuf::from(path.trim()));
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = told.into_iter().chain(debian.map(|entry| entry.path().join("bin")));
    let has_both = |path: &PathBuf| ["initdb", "postgres"].iter().all(|name| path.join(name).is_file());
    found.into_iter().find(has_both).expect(
        "TEST_DATABASE_URL is set, so PostgreSQL's own death is tested, which takes initdb and postgres \
         from `pg_config --bindir` or /usr/lib/postgresql",
    )
}

/// The processes whose parent this one is.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn signal(name: &str, processes: &[u32]) {
    let ids = processes.iter().map(ToString::to_string);
    // One of them may have ended by itself.
    Command::new("kill").arg(name).args(ids).stderr(Stdio::null()).status().expect("there is a kill");
}
