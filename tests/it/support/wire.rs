use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::PATIENCE;

/// A connection on which a test says what no client would.
pub(crate) struct Wire {
    stream: TcpStream,
    opened: Instant,
}

impl Wire {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self::connect_from("127.0.0.1", to).await
    }

    /// Connects from another address of this machine.
    pub(crate) async fn connect_from(address: &str, to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let from = SocketAddr::new(address.parse().expect("an address"), 0);
        socket.bind(from).expect("all of 127.0.0.0/8 is ours");
        Self { stream: socket.connect(to).await.expect("the server listens"), opened: Instant::now() }
    }

    /// Sends bytes; tells whether the server still takes any.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Asks for a path, and keeps the connection.
    pub(crate) async fn get(&mut self, path: &str) -> bool {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await
            && self.head().await.is_some_and(|head| head.starts_with("HTTP/1.1 200"))
    }

    /// The head of an answer, whose body is read as well; nothing when the connection was closed before.
    pub(crate) async fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(self.bytes::<1>().await?[0]));
        }
        let length = head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length = length.map_or(0, |length| length.parse().expect("a number"));
        let mut body = vec![0; length];
        self.fill(&mut body).await.then_some(head)
    }

    /// The next `N` bytes. `None` if the connection closes before.
    pub(crate) async fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes).await.then_some(bytes)
    }

    /// The next frame of HTTP/2: its type and its payload.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [a, b, c, kind, ..] = self.bytes::<9>().await?;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.fill(&mut payload).await.then_some((kind, payload))
    }

    async fn fill(&mut self, bytes: &mut [u8]) -> bool {
        let read = timeout(PATIENCE, self.stream.read_exact(bytes)).await;
        read.expect("the server answers or closes the connection").is_ok()
    }

    /// Waits until the server closes the connection, which must not answer; tells how long it was open.
    pub(crate) async fn closed(&mut self) -> Duration {
        let rest = self.bytes::<1>().await;
        assert_eq!(rest, None, "the server says something");
        self.opened.elapsed()
    }
}
