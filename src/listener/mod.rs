//! The TCP listener. It accepts connections, limits their number, and enforces timeouts for headers, idle connections
//! and unread responses.

mod limiter;
mod monitor;
mod stream;

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::{StatusCode, header::UPGRADE},
    response::Response,
};
use http_body_util::BodyExt;
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_service::Service;

use self::{
    limiter::ConnectionLimiter,
    monitor::{ConnectionMonitor, ConnectionStatus, InFlight, UnreadLimitExceeded, UnreadResponse},
    stream::MonitoredStream,
};
use crate::{config::HttpConfig, limits::Slot};

/// Maximum number of concurrent requests on an HTTP/2 connection. RFC 9113 §6.5.2 recommends no lower value.
const MAX_STREAMS: u32 = 100;

/// Maximum size of the headers of an HTTP/2 request, in bytes. Each stream of a connection may use as much memory.
const MAX_STREAM_HEADER_BYTES: u32 = 16 * 1024;

/// The same for HTTP/1, where a connection carries one request at a time.
const MAX_HEADER_BYTES: usize = 256 * 1024;

/// Delay before the next attempt when a connection cannot be accepted, usually because no file descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Serves the connections of a listener until `stop` is cancelled, and then finishes the requests in flight. Dropping
/// the future aborts the requests in flight.
pub(crate) async fn serve_connections(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: &CancellationToken,
) {
    let limiter = Arc::new(ConnectionLimiter::new(config));
    let builder = http_builder(config);
    let (tasks, abort) = (TaskTracker::new(), CancellationToken::new());
    let _abort_on_drop = abort.clone().drop_guard();
    while let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let Some(slot) = limiter.try_acquire(peer.ip()) else { continue };
        // Nagle's algorithm would only delay a response, because a response is written as a whole.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY");
        }
        let monitor = ConnectionMonitor::new(config, slot.priority());
        let connection = Connection { stream, peer, slot, monitor };
        // On the heap, because the task would otherwise have space for it three times.
        let serving = Box::pin(connection.serve(router.clone(), builder.clone(), stop.clone()));
        tasks.spawn(abort.clone().run_until_cancelled_owned(serving));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Configures HTTP/1 and HTTP/2. [`ConnectionMonitor`] enforces the timeouts instead of hyper. Hyper's timeout for
/// headers would also close idle connections, and starts only at the first byte.
fn http_builder(config: &HttpConfig) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(MAX_HEADER_BYTES)
        .preserve_header_case(true)
        .title_case_headers(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_STREAM_HEADER_BYTES)
        .keep_alive_interval(config.header_timeout)
        .keep_alive_timeout(config.header_timeout);
    builder
}

/// Whether a request asks for another protocol. Its response copies the capitalization of the request's headers, which
/// hyper stores in the extensions. Python's gql client requires the spelling `Sec-WebSocket-Protocol`.
fn is_upgrade(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(UPGRADE)
}

/// The connection that carries a request.
#[derive(Clone)]
pub(crate) struct RequestConnection(ConnectionMonitor);

impl RequestConnection {
    /// Records that an authenticated caller uses the connection. Anonymous connections are evicted before it.
    pub(crate) fn signed_in(&self) {
        self.0.signed_in();
    }
}

/// Marks a response whose body has no fixed end, such as an event stream. Its connection is not idle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongLivedResponse;

/// Tracks whether the client reads a response. The request of a long-lived response stays in flight until the body
/// ends.
fn track_response(response: Response, in_flight: InFlight) -> Result<Response, UnreadLimitExceeded> {
    if response.extensions().get::<LongLivedResponse>().is_some() {
        let track =
            move |bytes: Bytes| TrackedBytes::of(Arc::new(in_flight.unread_chunk(bytes.len() as u64)), bytes);
        return Ok(response.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&track)))));
    }
    // On HTTP/1 the TCP stream shows whether the client reads, and a client that reads slowly is not disconnected.
    if !in_flight.is_http2() {
        return Ok(response);
    }
    let unread = Arc::new(in_flight.unread_response(response.body().size_hint().lower())?);
    let track = move |bytes| TrackedBytes::of(Arc::clone(&unread), bytes);
    Ok(response.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&track)))))
}

/// A chunk of a response. It is dropped when it is written to the stream, not when hyper takes it. Until an HTTP/2
/// client opens its flow-control window, hyper keeps the chunk for any length of time.
struct TrackedBytes {
    bytes: Bytes,
    _unread: Arc<UnreadResponse>,
}

impl TrackedBytes {
    fn of(unread: Arc<UnreadResponse>, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Self { bytes, _unread: unread })
    }
}

impl AsRef<[u8]> for TrackedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Accepts the next connection. Errors of single connections are ignored.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::error!(%error, "failed to accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Whether an error concerns only one incoming connection, and not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// An accepted connection with its slot.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    monitor: ConnectionMonitor,
}

impl Connection {
    /// Serves the requests of the connection until it ends, is evicted or times out. Closes it gracefully when `stop`
    /// is cancelled.
    async fn serve(self, router: Router, builder: Builder<TokioExecutor>, stop: CancellationToken) {
        let Self { stream, peer, slot, monitor } = self;
        let evicted = slot.evicted();
        let service = service_fn(|mut request: Request<Incoming>| {
            let in_flight = monitor.start_request(request.version());
            let spelling = is_upgrade(&request).then(|| request.extensions().clone());
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(RequestConnection(monitor.clone()));
            let response = router.clone().call(request.map(Body::new));
            let monitor = monitor.clone();
            async move {
                let Ok(mut response) = response.await;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    monitor.upgraded();
                    response.extensions_mut().extend(spelling.unwrap_or_default());
                }
                track_response(response, in_flight)
            }
        });
        let stream = TokioIo::new(MonitoredStream::new(stream, monitor.clone(), slot));
        let mut connection = pin!(builder.serve_connection_with_upgrades(stream, service));
        let mut is_closing = false;
        let mut check_at = Instant::now();
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "connection failed");
                    }
                    return;
                }
                () = evicted.cancelled() => return,
                () = stop.cancelled(), if !is_closing => {
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = sleep_until(check_at) => match monitor.check() {
                    ConnectionStatus::Healthy { next_check } => check_at = next_check,
                    // HTTP/2 sends GOAWAY first, so that no request is lost on its way. Behind a proxy, the request
                    // could belong to another client than the unread responses.
                    ConnectionStatus::CloseGracefully { next_check } if !is_closing => {
                        is_closing = true;
                        check_at = next_check;
                        connection.as_mut().graceful_shutdown();
                    }
                    ConnectionStatus::CloseGracefully { .. } | ConnectionStatus::TimedOut => return,
                }
            }
        }
    }
}
