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
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(&place.data_dir)
            .current_dir(&place.data_dir)
            .env_clear()
            .env("DATABASE_URL", &place.url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(place.data_dir.join("log"))?);
        if let Hashing::Cheap = hashing {
            command.env("PORTCULLIS_PASSWORDS__MEMORY_KIB", "8").env("PORTCULLIS_PASSWORDS__ITERATIONS", "1");
        }
        let mut server = Self { child: command.spawn()?, url: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + PATIENCE;
        let ready = format!("{}/readyz", server.url);
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(fs::read_to_string(place.data_dir.join("log"))?.into());
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

    /// The file that says what memory the process holds.
    pub(crate) fn status_file(&self) -> String {
        format!("/proc/{}/status", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
