//! The connections beneath the requests: how many there are, and how long one may keep the server waiting.

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

/// The most requests at once in one HTTP/2 connection: what RFC 9113 §6.5.2 asks for at least.
const MAX_STREAMS: u32 = 100;

/// The most that the headers of a request may come to in HTTP/2, in bytes: each stream may bring as much.
const MAX_STREAM_HEADER_BYTES: u32 = 16 * 1024;

/// The same in HTTP/1, which is one request at a time.
const MAX_HEADER_BYTES: usize = 256 * 1024;

/// How long to wait when no connection can be had, mostly for want of a file descriptor.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Answers the connections of a listener until `stop` is cancelled, and then what is in flight. Who drops
/// the future cuts off what is still in flight.
pub(crate) async fn serve_connections(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: &CancellationToken,
) {
    let limiter = Arc::new(ConnectionLimiter::new(config));
    let builder = http_builder(config);
    let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
    let _cut_when_dropped = cut.clone().drop_guard();
    while let Some((socket, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let Some(slot) = limiter.try_acquire(peer.ip()) else { continue };
        // An answer is written as a whole; to wait for more of it would only delay it.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let monitor = ConnectionMonitor::new(config, slot.priority());
        let connection = Connection { socket, peer, slot, monitor };
        let answer = connection.answer(router.clone(), builder.clone(), stop.clone());
        tasks.spawn(cut.clone().run_until_cancelled_owned(answer));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// How both versions of HTTP are spoken. Times are kept by [`ConnectionMonitor`]: hyper's own for headers would close
/// idle connections as well, and does not run before the first byte.
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

/// Whether a request asks for another protocol. The response to it spells the headers as the request did, which hyper
/// knows from the extensions: Python's gql looks for `Sec-WebSocket-Protocol` with a capital S in the middle.
fn is_upgrade(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(UPGRADE)
}

/// The connection that carries a request.
#[derive(Clone)]
pub(crate) struct RequestConnection(ConnectionMonitor);

impl RequestConnection {
    /// Notes that a signed-in caller uses the connection: others are closed before it when there are too many.
    pub(crate) fn signed_in(&self) {
        self.0.signed_in();
    }
}

/// Marks a response whose body lasts as long as there is something to follow. Its connection is not idle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongLivedResponse;

/// Watches that the client reads its answer. Where that lasts, the request is in flight until its end.
fn track_response(answer: Response, in_flight: InFlight) -> Result<Response, UnreadLimitExceeded> {
    if answer.extensions().get::<LongLivedResponse>().is_some() {
        let part = move |bytes: Bytes| TrackedBytes::of(Arc::new(in_flight.part(bytes.len() as u64)), bytes);
        return Ok(answer.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&part)))));
    }
    // In HTTP/1 the socket tells whether the client reads, and who reads slowly is not cut off.
    if !in_flight.is_http2() {
        return Ok(answer);
    }
    let unread = Arc::new(in_flight.whole(answer.body().size_hint().lower())?);
    let part = move |bytes| TrackedBytes::of(Arc::clone(&unread), bytes);
    Ok(answer.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&part)))))
}

/// A part of an answer. It is dropped when it is written, and not when hyper takes it over: what a client of HTTP/2
/// has not opened its window for is kept there for as long as the client likes.
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

/// The next connection. A fault of one of them is its own affair.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn is_connection_error(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// One connection, not answered yet.
struct Connection {
    socket: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    monitor: ConnectionMonitor,
}

impl Connection {
    /// Answers the requests of the connection until it ends, `stop` is cancelled, or its time is over.
    async fn answer(self, router: Router, builder: Builder<TokioExecutor>, stop: CancellationToken) {
        let Self { socket, peer, slot, monitor } = self;
        let evicted = slot.evicted();
        let service = service_fn(|mut request: Request<Incoming>| {
            let in_flight = monitor.start_request(request.version());
            let spelling = is_upgrade(&request).then(|| request.extensions().clone());
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(RequestConnection(monitor.clone()));
            let answer = router.clone().call(request.map(Body::new));
            let monitor = monitor.clone();
            async move {
                let Ok(mut answer) = answer.await;
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    monitor.upgraded();
                    answer.extensions_mut().extend(spelling.unwrap_or_default());
                }
                track_response(answer, in_flight)
            }
        });
        let socket = TokioIo::new(MonitoredStream::new(socket, monitor.clone(), slot));
        let mut connection = pin!(builder.serve_connection_with_upgrades(socket, service));
        let mut is_closing = false;
        let mut check_at = Instant::now();
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection broke");
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
                    // HTTP/2 says goodbye first, so that no request is lost on its way: behind a proxy it could be that
                    // of somebody else than who leaves answers.
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
