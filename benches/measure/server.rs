use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Outcome, client::Client, place::Place, seed::Hashing};

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// The release binary, in a process of its own.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(place: &Place, hashing: Hashing) -> Outcome<Self> {
        Self::start_with(place, hashing, &[]).await
    }

    /// Starts it with these environment variables, and waits until it is ready.
    pub(crate) async fn start_with(
        place: &Place,
        hashing: Hashing,
        settings: &[(&str, &str)],
    ) -> Outcome<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = place.data_dir.join(format!("{port}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(&place.data_dir)
            .current_dir(&place.data_dir)
            .env_clear()
            .env("DATABASE_URL", &place.url)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        if let Hashing::Cheap = hashing {
            command.env("PORTCULLIS_PASSWORDS__MEMORY_KIB", "8").env("PORTCULLIS_PASSWORDS__ITERATIONS", "1");
        }
        let mut server = Self { child: command.spawn()?, url: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + PATIENCE;
        let ready = format!("{}/readyz", server.url);
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(fs::read_to_string(&log)?.into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(server)
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A client that is not signed in.
    pub(crate) fn client(&self) -> Client {
        Client::new(format!("{}/graphql", self.url))
    }

    /// The resident memory of the process, KiB.
    pub(crate) fn resident_kib(&self) -> Outcome<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|text| text.trim().strip_suffix(" kB"));
        Ok(resident.ok_or("the system does not report the memory of the server")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
