//! A mail server that does what the test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The behaviour of the server towards a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It accepts the message.
    Accept,
    /// It greets with 421.
    Unavailable,
    /// It refuses the recipient with this line.
    RefuseRecipient(&'static str),
    /// It refuses the message with this code, and quotes its link.
    QuoteMessage(&'static str),
    /// It does not respond to the message.
    Stall,
    /// It responds to STARTTLS, and an attacker appends another response in plaintext. Then it is silent.
    InjectAfterStarttls,
    /// It closes the connection in place of accepting the message.
    Drop,
    /// It closes the connection after it has accepted the message.
    AcceptAndDrop,
}

/// A running mail server.
pub(super) struct MailServer {
    pub(super) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    stop: CancellationToken,
}

struct Shared {
    reply: Reply,
    /// The accepted messages: the recipient and the text.
    accepted: Vec<(String, String)>,
    connections: usize,
    attempts: usize,
}

impl MailServer {
    pub(super) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Shared { reply, accepted: Vec::new(), connections: 0, attempts: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let (of_task, stop, tasks) = (Arc::clone(&shared), CancellationToken::new(), TaskTracker::new());
        let connections = (tasks.clone(), stop.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let conversation = converse(stream, Arc::clone(&of_task));
                connections.0.spawn(connections.1.clone().run_until_cancelled_owned(conversation));
            }
        }));
        Self { address, shared, stop }
    }

    /// An address at which no server listens.
    pub(super) async fn nowhere() -> SocketAddr {
        TcpListener::bind(("127.0.0.1", 0)).await.expect("a port").local_addr().expect("an address")
    }

    pub(super) fn set(&self, reply: Reply) {
        self.shared().reply = reply;
    }

    /// The accepted messages: the recipient and the text.
    pub(super) fn accepted(&self) -> Vec<(String, String)> {
        self.shared().accepted.clone()
    }

    /// The texts of the accepted messages for a recipient.
    pub(super) fn accepted_for(&self, recipient: &str) -> Vec<String> {
        let shared = self.shared();
        let own = shared.accepted.iter().filter(|(address, _)| address == recipient);
        own.map(|(_, text)| text.clone()).collect()
    }

    /// The number of connections so far.
    pub(super) fn connections(&self) -> usize {
        self.shared().connections
    }

    /// The number of messages that the server was offered.
    pub(super) fn attempts(&self) -> usize {
        self.shared().attempts
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves a connection until one side closes it.
async fn converse(stream: TcpStream, shared: Arc<Mutex<Shared>>) -> Option<()> {
    let with = |change: &mut dyn FnMut(&mut Shared)| {
        change(&mut shared.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let reply = || shared.lock().unwrap_or_else(PoisonError::into_inner).reply;
    with(&mut |shared| shared.connections += 1);
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut recipient = String::new();
    let greeting = if reply() == Reply::Unavailable { "421 4.3.2 closing" } else { "220 mail.example ESMTP" };
    write.write_all(format!("{greeting}\r\n").as_bytes()).await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let response = match (command.as_str(), reply()) {
            ("EHLO", Reply::InjectAfterStarttls) => "250-mail.example\r\n250 STARTTLS".to_owned(),
            ("STARTTLS", Reply::InjectAfterStarttls) => {
                write.write_all(b"220 2.0.0 go\r\n250-injected\r\n250 AUTH PLAIN\r\n").await.ok()?;
                std::future::pending().await
            }
            ("EHLO", _) => "250-mail.example\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            ("RCPT", Reply::RefuseRecipient(line)) => {
                with(&mut |shared| shared.attempts += 1);
                line.to_owned()
            }
            ("RCPT", _) => {
                recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                "250 2.1.5 ok".to_owned()
            }
            ("DATA", _) => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                    text.push_str(&line);
                    text.push('\n');
                }
                with(&mut |shared| shared.attempts += 1);
                match reply() {
                    Reply::Stall => std::future::pending::<String>().await,
                    Reply::Drop => return None,
                    Reply::QuoteMessage(code) => {
                        let link: String =
                            text.lines().skip_while(|line| !line.contains("https://")).take(2).collect();
                        format!("{code} 5.7.1 refused because of {link}")
                    }
                    reply => {
                        with(&mut |shared| shared.accepted.push((recipient.clone(), text.clone())));
                        if reply == Reply::AcceptAndDrop {
                            return None;
                        }
                        "250 2.0.0 queued as 1".to_owned()
                    }
                }
            }
            ("QUIT", _) => return write.write_all(b"221 bye\r\n").await.ok(),
            _ => "250 2.0.0 ok".to_owned(),
        };
        write.write_all(format!("{response}\r\n").as_bytes()).await.ok()?;
    }
    None
}
