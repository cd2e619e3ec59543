use std::{
    fs::File,
    io::Write,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use tokio::{sync::Mutex, time::sleep};

use super::{Client, PASSWORD, Secrets, TestDatabase, password_of};

/// How long the program may take to start, to stop, or to do what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The interval at which a test checks that.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Hashing that costs next to nothing.
pub(crate) const QUICK: [(&str, &str); 2] =
    [("PORTCULLIS_PASSWORDS__MEMORY_KIB", "8"), ("PORTCULLIS_PASSWORDS__ITERATIONS", "1")];

/// Logs no more than a server at work does, where time is measured or much is done.
pub(crate) const TERSE: (&str, &str) = ("PORTCULLIS_LOG__FILTER", "info");

/// Held by whoever loads the machine, for some of them measure.
pub(crate) static LOAD: Mutex<()> = Mutex::const_new(());

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
        self.kill();
        self.restart().await;
    }

    /// Ends the program as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts the program that was killed at the address that it had.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.database, self.address, &self.settings);
        self.wait_until_ready().await;
    }

    /// Makes an administrator, on the command line.
    pub(crate) fn make_admin(&self, username: &str) {
        let mut child = command(&self.database, &self.settings)
            .args(["users", "create", username, "--role", "admin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut input = child.stdin.take().expect("it is piped");
        writeln!(input, "{PASSWORD}").expect("the program reads");
        drop(input);
        assert!(child.wait().expect("it ends").success());
    }

    /// Runs a command beside the server, on its database.
    pub(crate) fn run(&self, arguments: &[&str]) {
        let output =
            command(&self.database, &self.settings).args(arguments).output().expect("the program starts");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
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

    /// The resident memory of the program, KiB.
    pub(crate) fn resident_kib(&self) -> u32 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs on Linux");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        resident.and_then(|text| text.trim().parse().ok()).expect("the system reports the memory")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(format!("http://{}/graphql", self.address), self.secrets.clone())
    }

    /// Registers `count` accounts from `user0` on, a few at a time, and returns their clients in no particular order.
    pub(crate) async fn register(&self, count: usize) -> Vec<Client> {
        let register = |number| {
            let mut client = self.anonymous();
            async move {
                client.register(&format!("user{number}"), PASSWORD).await.assert_done();
                client
            }
        };
        stream::iter((0..count).map(register)).buffer_unordered(50).collect().await
    }

    async fn wait_until_ready(&mut self) {
        self.wait_for_readiness(true).await;
    }

    /// Waits until the program says that it is ready, or that it is not.
    pub(crate) async fn wait_for_readiness(&mut self, wanted: bool) {
        let deadline = Instant::now() + PATIENCE;
        let status = if wanted { 200 } else { 503 };
        let url = format!("http://{}/readyz", self.address);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status() == status) {
            let ended = self.child.try_wait().expect("it is ours");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", self.log());
            sleep(LOOK_EVERY).await;
        }
    }

    /// The database on which it runs.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The log of the program so far.
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
    command(database, settings)
        .args(["serve", "--listen", &address.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("a file"))
        .spawn()
        .expect("the program starts")
}

fn command(database: &TestDatabase, settings: &[(&'static str, &'static str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command
        .current_dir(database.folder())
        .env_clear()
        .env("DATABASE_URL", database.url().expose_secret())
        .env("PORTCULLIS_LIMITS__ENABLED", "false")
        // All that it says is searched for secrets.
        .env("PORTCULLIS_LOG__FILTER", "trace")
        .envs(settings.iter().copied());
    command
}

fn log_name(address: SocketAddr) -> String {
    format!("{}.log", address.port())
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
