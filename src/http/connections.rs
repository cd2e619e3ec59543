//! The connections beneath the requests: how many there are, and how long one may keep the server waiting.

mod places;
mod socket;
mod watch;

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
    places::Places,
    socket::Watched,
    watch::{InFlight, TooMuchUnread, Unread, Verdict, Watch},
};
use crate::{config::HttpConfig, limits::Slot};

/// The most requests at once in one HTTP/2 connection: what RFC 9113 §6.5.2 asks for at least.
const MAX_STREAMS: u32 = 100;

/// The most that the headers of a request may come to in HTTP/2, in bytes: each stream may bring as much.
const MAX_STREAM_HEADER_BYTES: u32 = 16 * 1024;

/// The same in HTTP/1, which is one request at a time.
const MAX_HEADER_BYTES: usize = 256 * 1024;

/// How long to wait when no connection can be had, mostly for want of a file descriptor.
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(1);

/// Answers the connections of a listener until `stop` is cancelled, and then what is in flight. Who drops
/// the future cuts off what is still in flight.
pub(crate) async fn answer_connections(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: &CancellationToken,
) {
    let places = Arc::new(Places::new(config));
    let builder = builder(config);
    let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
    let _cut_when_dropped = cut.clone().drop_guard();
    while let Some((socket, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let Some(slot) = places.take(peer.ip()) else { continue };
        // An answer is written as a whole; to wait for more of it would only delay it.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let watch = Watch::new(config, slot.priority());
        let connection = Connection { socket, peer, slot, watch };
        let answer = connection.answer(router.clone(), builder.clone(), stop.clone());
        tasks.spawn(cut.clone().run_until_cancelled_owned(answer));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// How both versions of HTTP are spoken. Times are kept by [`Watch`]: hyper's own for headers would close
/// idle connections as well, and does not run before the first byte.
fn builder(config: &HttpConfig) -> Builder<TokioExecutor> {
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
pub(super) struct Carrier(Watch);

impl Carrier {
    /// Notes that a signed-in caller uses the connection: others are closed before it when there are too many.
    pub(super) fn signed_in(&self) {
        self.0.signed_in();
    }
}

/// Marks a response whose body lasts as long as there is something to follow. Its connection is not idle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lasting;

/// Watches that the client reads its answer. Where that lasts, the request is in flight until its end.
fn watched(answer: Response, in_flight: InFlight) -> Result<Response, TooMuchUnread> {
    if answer.extensions().get::<Lasting>().is_some() {
        let part = move |bytes: Bytes| Part::of(Arc::new(in_flight.part(bytes.len() as u64)), bytes);
        return Ok(answer.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&part)))));
    }
    // In HTTP/1 the socket tells whether the client reads, and who reads slowly is not cut off.
    if !in_flight.is_http2() {
        return Ok(answer);
    }
    let unread = Arc::new(in_flight.whole(answer.body().size_hint().lower())?);
    let part = move |bytes| Part::of(Arc::clone(&unread), bytes);
    Ok(answer.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(&part)))))
}

/// A part of an answer. It is dropped when it is written, and not when hyper takes it over: what a client of HTTP/2
/// has not opened its window for is kept there for as long as the client likes.
struct Part {
    bytes: Bytes,
    _unread: Arc<Unread>,
}

impl Part {
    fn of(unread: Arc<Unread>, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Self { bytes, _unread: unread })
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The next connection. A fault of one of them is its own affair.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(PAUSE_AFTER_FAULT).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// One connection, not answered yet.
struct Connection {
    socket: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    watch: Watch,
}

impl Connection {
    /// Answers the requests of the connection until it ends, `stop` is cancelled, or its time is over.
    async fn answer(self, router: Router, builder: Builder<TokioExecutor>, stop: CancellationToken) {
        let Self { socket, peer, slot, watch } = self;
        let evicted = slot.evicted();
        let service = service_fn(|mut request: Request<Incoming>| {
            let in_flight = watch.begin(request.version());
            let spelling = is_upgrade(&request).then(|| request.extensions().clone());
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(Carrier(watch.clone()));
            let answer = router.clone().call(request.map(Body::new));
            let watch = watch.clone();
            async move {
                let Ok(mut answer) = answer.await;
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    watch.upgraded();
                    answer.extensions_mut().extend(spelling.unwrap_or_default());
                }
                watched(answer, in_flight)
            }
        });
        let socket = TokioIo::new(Watched::new(socket, watch.clone(), slot));
        let mut connection = pin!(builder.serve_connection_with_upgrades(socket, service));
        let mut is_closing = false;
        let mut look_at = Instant::now();
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
                () = sleep_until(look_at) => match watch.look() {
                    Verdict::Fine { look_again_at } => look_at = look_again_at,
                    // HTTP/2 says goodbye first, so that no request is lost on its way: behind a proxy it could be that
                    // of somebody else than who leaves answers.
                    Verdict::Goodbye { look_again_at } if !is_closing => {
                        is_closing = true;
                        look_at = look_again_at;
                        connection.as_mut().graceful_shutdown();
                    }
                    Verdict::Goodbye { .. } | Verdict::Overdue => return,
                }
            }
        }
    }
}
