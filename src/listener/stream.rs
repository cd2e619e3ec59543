use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::monitor::ConnectionMonitor;
use crate::limits::Slot;

/// A TCP stream that reports reads and writes to its monitor, and holds the connection's slot while it is open.
pub(super) struct MonitoredStream {
    stream: TcpStream,
    monitor: ConnectionMonitor,
    /// Ready on eviction. This also ends a connection that was upgraded to another protocol.
    evicted: Pin<Box<WaitForCancellationFutureOwned>>,
    #[expect(dead_code, reason = "dropping it with the stream frees the slot")]
    slot: Slot,
}

impl MonitoredStream {
    pub(super) fn new(stream: TcpStream, monitor: ConnectionMonitor, slot: Slot) -> Self {
        Self { stream, monitor, evicted: Box::pin(slot.evicted().cancelled_owned()), slot }
    }
}

impl AsyncRead for MonitoredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.evicted.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        ready!(self.monitor.poll_read_allowed(cx));
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.monitor.on_read();
        }
        read
    }
}

impl AsyncWrite for MonitoredStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.monitor.on_write(written.is_ready());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.monitor.on_write(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{super::limiter::ConnectionLimiter, *};
    use crate::config::HttpConfig;

    #[tokio::test]
    async fn reading_is_paused_while_the_client_does_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (stream, peer) = listener.accept().await.expect("a connection");
        let config = HttpConfig::default();
        let slot = ConnectionLimiter::new(&config).try_acquire(peer.ip()).expect("a slot");
        let mut server = MonitoredStream::new(stream, ConnectionMonitor::new(&config, slot.priority()), slot);

        let (response, mut written) = (vec![0; 64 * 1024], 0);
        server.stream.writable().await.expect("it is open");
        while let Some(bytes) = server.write(&response).now_or_never() {
            written += bytes.expect("it is open");
        }
        client.write_all(b"more").await.expect("it is open");
        server.stream.readable().await.expect("it is open");
        let mut request = [0; 4];
        assert!(server.read(&mut request).now_or_never().is_none(), "earlier responses are unread");

        let mut all = vec![0; written + 1];
        let (wrote, read) = tokio::join!(server.write(&response[..1]), client.read_exact(&mut all));
        assert_eq!((wrote.expect("it is open"), read.expect("it is open")), (1, all.len()));
        server.read_exact(&mut request).await.expect("it is open");
        assert_eq!(&request, b"more");
    }
}
