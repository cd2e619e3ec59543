use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use portcullis::clock::Clock;
use reqwest::Url;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{Secrets, password_of};

/// A password that meets the policy.
pub(crate) const PASSWORD: &str = "correct horse battery staple\n";

/// A folder to run the binary in, and the environment that it gets.
pub(crate) struct Place {
    folder: TempDir,
    environment: Vec<(String, String)>,
    #[expect(dead_code, reason = "it goes with the test")]
    schema: Option<Schema>,
}

/// A schema or a database of PostgreSQL that goes with the test.
struct Schema {
    server: String,
    name: String,
    dropped_by: String,
}

/// A lock that another process holds on a database.
pub(crate) struct Lock {
    runtime: Runtime,
    connection: DatabaseConnection,
}

/// The result of a run of the binary.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// An empty folder and an empty environment.
    pub(crate) fn bare() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), environment: Vec::new(), schema: None }
    }

    /// An empty folder, where hashes are quick and the database is embedded.
    pub(crate) fn new() -> Self {
        Self::bare()
            .with("PORTCULLIS_PASSWORDS__MEMORY_KIB", "8")
            .with("PORTCULLIS_PASSWORDS__ITERATIONS", "1")
    }

    /// One for each database that there is to test on.
    pub(crate) fn on_each_database() -> Vec<Self> {
        [Some(Self::new()), Schema::create().map(|schema| Self::new().on(schema))]
            .into_iter()
            .flatten()
            .collect()
    }

    /// An empty folder and a database of PostgreSQL, of which no other test uses the locks; `None` where there is
    /// no PostgreSQL to test on.
    pub(crate) fn on_a_database_of_its_own() -> Option<Self> {
        let server = postgres()?;
        let name = format!("portcullis_{}", Clock::system().uuid().simple());
        execute(&server, &format!("CREATE DATABASE {name}"));
        let mut url = Url::parse(&server).expect("TEST_DATABASE_URL is a URL");
        url.set_path(&name);
        let dropped_by = format!("DROP DATABASE {name} WITH (FORCE)");
        let place = Self { schema: Some(Schema { server, name, dropped_by }), ..Self::new() };
        Some(place.with("DATABASE_URL", url))
    }

    /// The value of an environment variable that was set last.
    pub(crate) fn value(&self, name: &str) -> String {
        let found = self.environment.iter().rfind(|(set, _)| set == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Keeps everybody from writing to an embedded database.
    pub(crate) fn lock_sqlite(&self, name: &str) -> Lock {
        Lock::take(&format!("sqlite:{}", self.path(name).display()), "BEGIN IMMEDIATE")
    }

    /// Keeps everybody from migrating the database.
    pub(crate) fn lock_postgres(&self) -> Lock {
        Lock::take(&self.value("DATABASE_URL"), "SELECT pg_advisory_lock(7237123)")
    }

    fn on(self, schema: Schema) -> Self {
        let join = if schema.server.contains('?') { '&' } else { '?' };
        let url = format!("{}{join}options=-csearch_path%3D{}", schema.server, schema.name);
        Self { schema: Some(schema), ..self.with("DATABASE_URL", url) }
    }

    /// Sets an environment variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Writes a file that its owner alone can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is ours");
        self.permit(name, 0o600);
    }

    /// Gives a file other permission bits.
    pub(crate) fn permit(&self, name: &str, mode: u32) {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(self.path(name), permissions).expect("the file is ours");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with these arguments, not yet started.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary with a line of arguments and nothing to read.
    pub(crate) fn run(&self, line: &str) -> Answer {
        self.run_with(line, "")
    }

    /// Runs the binary with a line of arguments and this on its standard input.
    pub(crate) fn run_with(&self, line: &str, input: &str) -> Answer {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let mut child = self.command(&arguments).spawn().expect("the binary runs");
        // A command that reads no input closes the pipe, which is no error.
        let _ = child.stdin.take().expect("is piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the binary ends");
        self.secrets(input).assert_kept(&[output.stdout.as_slice(), &output.stderr].concat());
        let text = |bytes| String::from_utf8(bytes).expect("is UTF-8");
        Answer { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs statements in the database, past the binary. An embedded one is made if there is none.
    pub(crate) fn execute(&self, sql: &str) {
        execute(&self.database(), sql);
    }

    /// The first column, as text, of the rows that a statement finds in the database.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        runtime().block_on(async {
            let connection = Database::connect(self.database()).await.expect("the database answers");
            let statement = Statement::from_string(connection.get_database_backend(), sql);
            let rows = connection.query_all_raw(statement).await.expect("the statement is right");
            rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
        })
    }

    fn database(&self) -> String {
        let url = self.value("DATABASE_URL");
        if !url.is_empty() {
            return url;
        }
        fs::create_dir_all(self.path("data")).expect("the folder is ours");
        format!("sqlite:{}?mode=rwc", self.path("data/portcullis.db").display())
    }

    /// The secrets that the binary knows and must not print.
    pub(crate) fn secrets(&self, input: &str) -> Secrets {
        let secrets = Secrets::watch();
        secrets.add(input);
        secrets.add(&fs::read_to_string(self.path("data/secret")).unwrap_or_default());
        for (name, value) in &self.environment {
            match name.as_str() {
                "DATABASE_URL" => secrets.add(&password_of(value)),
                name if name.ends_with("SECRET") => secrets.add(value),
                _ => {}
            }
        }
        secrets
    }
}

impl Answer {
    /// Its standard output. Asserts that it succeeded and printed nothing to standard error.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// The document that it printed.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("one JSON document")
    }

    /// Its standard error. Asserts that it failed.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.err.lines().any(|line| line.starts_with("error: ")), "{self:?}");
        self.err
    }
}

impl Schema {
    fn create() -> Option<Self> {
        let server = postgres()?;
        let name = format!("portcullis_{}", Clock::system().uuid().simple());
        execute(&server, &format!("CREATE SCHEMA {name}"));
        let dropped_by = format!("DROP SCHEMA {name} CASCADE");
        Some(Self { server, name, dropped_by })
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        execute(&self.server, &self.dropped_by);
    }
}

impl Lock {
    fn take(url: &str, sql: &str) -> Self {
        let runtime = runtime();
        let connection = runtime.block_on(async {
            let one = ConnectOptions::new(url).max_connections(1).to_owned();
            let connection = Database::connect(one).await.expect("the database answers");
            connection.execute_unprepared(sql).await.expect("nobody else holds it");
            connection
        });
        Self { runtime, connection }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.runtime.block_on(self.connection.close_by_ref()).ok();
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The PostgreSQL server to test on.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
pub(super) fn postgres() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

pub(super) fn execute(server: &str, sql: &str) {
    runtime().block_on(async {
        let connection = Database::connect(server).await.expect("TEST_DATABASE_URL names a running server");
        connection.execute_unprepared(sql).await.expect("we may make schemas");
    });
}

/// The permission bits of a file.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("is there").permissions().mode() & 0o777
}
