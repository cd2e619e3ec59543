use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::http::Version;
use tokio::time::Instant;

use crate::{config::HttpConfig, limits::SlotPriority};

/// Tracks what a connection is waiting for (headers, the next request, the client's reads) and since when, to enforce
/// the timeouts. Clones monitor the same connection.
#[derive(Clone)]
pub(super) struct ConnectionMonitor {
    header_timeout: Duration,
    idle_timeout: Duration,
    priority: Arc<SlotPriority>,
    state: Arc<Mutex<MonitorState>>,
}

struct MonitorState {
    /// The number of requests in flight. The HTTP handlers enforce their timeouts.
    in_flight: usize,
    /// Start of the wait for the next request.
    since: Instant,
    /// Whether a part of the next request has arrived. False on HTTP/2 after the first request, because many HTTP/2
    /// frames belong to no request.
    has_begun: bool,
    is_http2: bool,
    /// Whether the connection was upgraded to another protocol.
    is_upgraded: bool,
    /// Start of the wait for the client to read written bytes.
    unread_since: Option<Instant>,
    /// Resumes reading, which is paused during that wait.
    reader: Option<Waker>,
    /// The unread responses and chunks, by the time by which each should be read, and a unique number. On HTTP/2 a
    /// client can hold back a response by its flow-control window while other responses are written.
    unread: BTreeSet<(Instant, u64)>,
    last_number: u64,
    /// The total size of the unread responses and chunks.
    unread_bytes: u64,
}

/// Maximum bytes of responses that an HTTP/2 client may leave unread. A single response may be larger.
const MAX_UNREAD_BYTES: u64 = 2 * 1024 * 1024;

/// Minimum rate at which a client must read, in bytes per second.
const MIN_READ_BYTES_PER_SECOND: u64 = 4 * 1024;

/// The result of a check of the timeouts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ConnectionStatus {
    /// No timeout was exceeded.
    Healthy {
        /// The time of the next check. No timeout can be exceeded before it.
        next_check: Instant,
    },
    /// The connection is idle, or its client leaves responses unread. It is closed gracefully.
    CloseGracefully {
        /// The time by which the connection must have ended.
        next_check: Instant,
    },
    /// The client exceeded a timeout. The connection is closed at once.
    TimedOut,
}

/// A request in flight, until it is dropped.
pub(super) struct InFlight(ConnectionMonitor);

/// An unread response, or an unread chunk of one.
pub(super) struct UnreadResponse {
    monitor: ConnectionMonitor,
    key: (Instant, u64),
    bytes: u64,
}

/// The client leaves too many bytes of responses unread.
#[derive(Debug, thiserror::Error)]
#[error("the client has not read {MAX_UNREAD_BYTES} bytes of earlier responses")]
pub(super) struct UnreadLimitExceeded;

impl ConnectionMonitor {
    /// Monitors a new connection, which must send its first request within the header timeout.
    pub(super) fn new(config: &HttpConfig, priority: Arc<SlotPriority>) -> Self {
        let state = MonitorState {
            in_flight: 0,
            since: Instant::now(),
            has_begun: true,
            is_http2: false,
            is_upgraded: false,
            unread_since: None,
            reader: None,
            unread: BTreeSet::new(),
            last_number: 0,
            unread_bytes: 0,
        };
        let (header_timeout, idle_timeout) = (config.header_timeout, config.idle_timeout);
        Self { header_timeout, idle_timeout, priority, state: Arc::new(Mutex::new(state)) }
    }

    /// Records a request in flight, until the returned value is dropped.
    pub(super) fn start_request(&self, version: Version) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.is_http2 = version == Version::HTTP_2;
        self.priority.is_busy.store(true, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Records an upgrade to another protocol. The connection is never idle again.
    pub(super) fn upgraded(&self) {
        self.state().is_upgraded = true;
    }

    /// Records that an authenticated caller uses the connection.
    pub(super) fn signed_in(&self) {
        self.priority.is_signed_in.store(true, Ordering::Relaxed);
    }

    /// Checks the timeouts. The time between two checks is never longer than the shortest timeout, so none is missed.
    pub(super) fn check(&self) -> ConnectionStatus {
        let now = Instant::now();
        let state = self.state();
        let latest = now + self.header_timeout.min(self.idle_timeout);
        let is_late = |since: &Instant| *since + self.idle_timeout <= now;
        if state.unread_since.as_ref().is_some_and(is_late) {
            return ConnectionStatus::TimedOut;
        }
        if state.unread.first().is_some_and(|(since, _)| is_late(since)) {
            return ConnectionStatus::CloseGracefully { next_check: latest };
        }
        if state.in_flight > 0 {
            return ConnectionStatus::Healthy { next_check: latest };
        }
        let timeout = if state.has_begun { self.header_timeout } else { self.idle_timeout };
        let deadline = state.since + timeout;
        match (deadline <= now, state.has_begun) {
            (false, _) => ConnectionStatus::Healthy { next_check: deadline.min(latest) },
            (true, true) => ConnectionStatus::TimedOut,
            (true, false) => ConnectionStatus::CloseGracefully { next_check: latest },
        }
    }

    /// Records that bytes were received.
    pub(super) fn on_read(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && !state.has_begun && !state.is_http2 {
            state.since = Instant::now();
            state.has_begun = true;
        }
    }

    /// Records a write. It is done, or it waits until the client reads earlier bytes.
    pub(super) fn on_write(&self, is_done: bool) {
        let mut state = self.state();
        if !is_done {
            state.unread_since.get_or_insert_with(Instant::now);
            return;
        }
        state.unread_since = None;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        // A client that reads a response slowly is not idle. On HTTP/2 the write may be the reply to a ping.
        if !state.has_begun && !state.is_http2 {
            state.since = Instant::now();
        }
    }

    /// Back-pressure: reading is paused while the client has not read earlier responses.
    pub(super) fn poll_read_allowed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.unread_since.is_none() {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, MonitorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Whether the connection uses HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.0.state().is_http2
    }

    /// Records an unread response of this size, until the returned value is dropped.
    ///
    /// # Errors
    /// If the client already leaves too many bytes unread.
    pub(super) fn unread_response(self, bytes: u64) -> Result<UnreadResponse, UnreadLimitExceeded> {
        let state = self.0.state();
        if !state.unread.is_empty() && state.unread_bytes + bytes > MAX_UNREAD_BYTES {
            return Err(UnreadLimitExceeded);
        }
        drop(state);
        Ok(self.unread_chunk(bytes))
    }

    /// Records an unread chunk of a response, until the returned value is dropped.
    pub(super) fn unread_chunk(&self, bytes: u64) -> UnreadResponse {
        let mut state = self.0.state();
        state.last_number += 1;
        let key =
            (Instant::now() + Duration::from_secs(bytes / MIN_READ_BYTES_PER_SECOND), state.last_number);
        state.unread_bytes += bytes;
        state.unread.insert(key);
        drop(state);
        UnreadResponse { monitor: self.0.clone(), key, bytes }
    }
}

impl Drop for UnreadResponse {
    fn drop(&mut self) {
        let mut state = self.monitor.state();
        state.unread.remove(&self.key);
        state.unread_bytes -= self.bytes;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        self.0.priority.is_busy.store(state.in_flight > 0 || state.is_upgraded, Ordering::Relaxed);
        state.since = Instant::now();
        state.has_begun = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LATER: Duration = Duration::from_hours(1);

    fn monitor(header_timeout: Duration, idle_timeout: Duration) -> ConnectionMonitor {
        ConnectionMonitor::new(
            &HttpConfig { header_timeout, idle_timeout, ..HttpConfig::default() },
            Arc::default(),
        )
    }

    fn is_healthy(monitor: &ConnectionMonitor) -> bool {
        matches!(monitor.check(), ConnectionStatus::Healthy { .. })
    }

    #[test]
    fn each_phase_of_a_connection_has_its_own_timeout() {
        assert_eq!(monitor(NOW, LATER).check(), ConnectionStatus::TimedOut, "no first request");
        let monitor = monitor(NOW, LATER);
        let request = monitor.start_request(Version::HTTP_11);
        assert!(is_healthy(&monitor), "the request is in flight");
        drop(request);
        assert!(is_healthy(&monitor), "it is idle");
        monitor.on_read();
        assert_eq!(monitor.check(), ConnectionStatus::TimedOut, "the next request has begun");
    }

    #[test]
    fn a_ping_starts_no_request_and_keeps_no_connection_open() {
        let monitor = monitor(LATER, NOW);
        drop(monitor.start_request(Version::HTTP_2));
        monitor.on_read();
        monitor.on_write(true);
        assert!(matches!(monitor.check(), ConnectionStatus::CloseGracefully { .. }));
    }

    #[test]
    fn a_client_that_does_not_read_times_out_even_with_a_request_in_flight() {
        let monitor = monitor(LATER, NOW);
        let _request = monitor.start_request(Version::HTTP_2);
        monitor.on_write(false);
        assert_eq!(monitor.check(), ConnectionStatus::TimedOut);
        monitor.on_write(true);
        assert!(is_healthy(&monitor));
    }
}
