use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use secrecy::ExposeSecret;
use tokio::time::sleep;

use super::{Client, Secrets, TestDatabase, password_of};

/// How long the program may take to start, to stop, or to do what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a test looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The program itself, in a process of its own.
pub(crate) struct Process {
    child: Child,
    database: TestDatabase,
    address: SocketAddr,
    settings: Vec<(&'static str, &'static str)>,
    secrets: Secrets,
}

impl Process {
    /// Starts the program on an empty database, with these environment variables and no throttle, and
    /// waits until it is ready.
    pub(crate) async fn start(settings: &[(&'static str, &'static str)]) -> Self {
        Self::start_on(TestDatabase::create().await, settings).await
    }

    /// Starts the program on a database.
    pub(crate) async fn start_on(database: TestDatabase, settings: &[(&'static str, &'static str)]) -> Self {
        let address = free_address();
        let child = spawn(&database, address, settings);
        let secrets = Secrets::watch();
        secrets.add(&password_of(database.url().expose_secret()));
        let mut process = Self { child, database, address, settings: settings.into(), secrets };
        process.wait_until_ready().await;
        let master = process.database.folder().join("data/secret");
        process.secrets.add(&std::fs::read_to_string(master).expect("the secret is in a file"));
        process
    }

    /// Ends the program as a power cut would, and starts it again at the same address.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.child = spawn(&self.database, self.address, &self.settings);
        self.wait_until_ready().await;
    }

    /// Asks the program to end, as an orchestrator does.
    pub(crate) fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.expect("there is a kill").success());
    }

    /// How the program ended.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "the program does not end");
            sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(format!("http://{}/graphql", self.address), self.secrets.clone())
    }

    async fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("http://{}/readyz", self.address);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            let ended = self.child.try_wait().expect("it is ours");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", self.log());
            sleep(LOOK_EVERY).await;
        }
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.database.folder().join(log_name(self.address))).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if !std::thread::panicking() {
            self.secrets.assert_kept(self.log().as_bytes());
        }
    }
}

fn spawn(database: &TestDatabase, address: SocketAddr, settings: &[(&'static str, &'static str)]) -> Child {
    let folder = database.folder();
    let log = File::options().create(true).append(true).open(folder.join(log_name(address)));
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "--listen", &address.to_string()])
        .current_dir(&folder)
        .env_clear()
        .env("DATABASE_URL", database.url().expose_secret())
        .env("PORTCULLIS_LIMITS__ENABLED", "false")
        .env("PORTCULLIS_LOG__FILTER", "trace")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("a file"))
        .spawn()
        .expect("the program starts")
}

fn log_name(address: SocketAddr) -> String {
    format!("{}.log", address.port())
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
