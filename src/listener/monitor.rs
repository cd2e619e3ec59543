use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::http::Version;
use tokio::time::Instant;

use crate::{config::HttpConfig, limits::SlotPriority};

/// Knows for what a connection waits, and since when. Its clones monitor the same connection.
#[derive(Clone)]
pub(super) struct ConnectionMonitor {
    header_timeout: Duration,
    idle_timeout: Duration,
    priority: Arc<SlotPriority>,
    state: Arc<Mutex<State>>,
}

struct State {
    /// How many requests are being answered. Their times are the endpoint's business.
    in_flight: usize,
    /// When the wait for the next request began.
    since: Instant,
    /// Whether a part of the next request has come. HTTP/2 sends much that belongs to none; it has this only
    /// until its first request.
    has_begun: bool,
    is_http2: bool,
    /// Whether it speaks another protocol now.
    is_upgraded: bool,
    /// Since when the client has not read what was written, and who wants to read on when it has.
    unread_since: Option<Instant>,
    reader: Option<Waker>,
    /// The answers, or parts of them, that wait to be read, by the time at which each begins to be late, and a number.
    /// HTTP/2 keeps those back for which its client opens no window, whatever else is written.
    answers: BTreeSet<(Instant, u64)>,
    last_answer: u64,
    /// How many bytes these have.
    unread_bytes: u64,
}

/// How many bytes of answers a client of HTTP/2 may leave unread, besides one that is larger.
const MAX_UNREAD_BYTES: u64 = 2 * 1024 * 1024;

/// How fast a client must read at least, in bytes a second.
const MIN_READ_BYTES_PER_SECOND: u64 = 4 * 1024;

/// What is to be done about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ConnectionStatus {
    /// Nothing before this time.
    Healthy {
        /// No deadline is before it, whatever happens until then.
        next_check: Instant,
    },
    /// It lies idle, or its client leaves answers unread: it is closed with a goodbye, for which there is time until
    /// then.
    CloseGracefully {
        /// When it must be gone.
        next_check: Instant,
    },
    /// Its client has kept the server waiting for too long.
    TimedOut,
}

/// A request that is being answered.
pub(super) struct InFlight(ConnectionMonitor);

/// An answer, or a part of one, that was not read.
pub(super) struct UnreadResponse {
    monitor: ConnectionMonitor,
    answer: (Instant, u64),
    bytes: u64,
}

/// The client leaves its answers unread.
#[derive(Debug, thiserror::Error)]
#[error("the client has {MAX_UNREAD_BYTES} bytes of answers to read first")]
pub(super) struct UnreadLimitExceeded;

impl ConnectionMonitor {
    /// Watches a connection that is opened now, and must bring a request soon.
    pub(super) fn new(config: &HttpConfig, priority: Arc<SlotPriority>) -> Self {
        let state = State {
            in_flight: 0,
            since: Instant::now(),
            has_begun: true,
            is_http2: false,
            is_upgraded: false,
            unread_since: None,
            reader: None,
            answers: BTreeSet::new(),
            last_answer: 0,
            unread_bytes: 0,
        };
        let (header_timeout, idle_timeout) = (config.header_timeout, config.idle_timeout);
        Self { header_timeout, idle_timeout, priority, state: Arc::new(Mutex::new(state)) }
    }

    /// Notes that a request has come, until its answer is there.
    pub(super) fn start_request(&self, version: Version) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.is_http2 = version == Version::HTTP_2;
        self.priority.is_busy.store(true, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Notes that the connection speaks another protocol from now on, and is never idle again.
    pub(super) fn upgraded(&self) {
        self.state().is_upgraded = true;
    }

    /// Notes that a signed-in caller uses the connection.
    pub(super) fn signed_in(&self) {
        self.priority.is_signed_in.store(true, Ordering::Relaxed);
    }

    /// Says how the connection does. Between two looks less time passes than any wait may take, so none is
    /// overlooked.
    pub(super) fn check(&self) -> ConnectionStatus {
        let now = Instant::now();
        let state = self.state();
        let latest = now + self.header_timeout.min(self.idle_timeout);
        let is_late = |since: &Instant| *since + self.idle_timeout <= now;
        if state.unread_since.as_ref().is_some_and(is_late) {
            return ConnectionStatus::TimedOut;
        }
        if state.answers.first().is_some_and(|(since, _)| is_late(since)) {
            return ConnectionStatus::CloseGracefully { next_check: latest };
        }
        if state.in_flight > 0 {
            return ConnectionStatus::Healthy { next_check: latest };
        }
        let patience = if state.has_begun { self.header_timeout } else { self.idle_timeout };
        let deadline = state.since + patience;
        match (deadline <= now, state.has_begun) {
            (false, _) => ConnectionStatus::Healthy { next_check: deadline.min(latest) },
            (true, true) => ConnectionStatus::TimedOut,
            (true, false) => ConnectionStatus::CloseGracefully { next_check: latest },
        }
    }

    /// Notes that something has come.
    pub(super) fn on_read(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && !state.has_begun && !state.is_http2 {
            state.since = Instant::now();
            state.has_begun = true;
        }
    }

    /// Notes that something was written, or that the client must first read what was.
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
        // Slow readers of an answer are not idle. In HTTP/2 it could be a ping that was answered.
        if !state.has_begun && !state.is_http2 {
            state.since = Instant::now();
        }
    }

    /// Whether more may be read: whose answers pile up here may not ask for more of them.
    pub(super) fn poll_read_allowed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.unread_since.is_none() {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    pub(super) fn is_http2(&self) -> bool {
        self.0.state().is_http2
    }

    /// Notes that an answer of so many bytes is there, until it was read.
    ///
    /// # Errors
    /// When the client has too much to read already.
    pub(super) fn whole(self, bytes: u64) -> Result<UnreadResponse, UnreadLimitExceeded> {
        let state = self.0.state();
        if !state.answers.is_empty() && state.unread_bytes + bytes > MAX_UNREAD_BYTES {
            return Err(UnreadLimitExceeded);
        }
        drop(state);
        Ok(self.part(bytes))
    }

    /// Notes that a part of an answer is there, until it was read.
    pub(super) fn part(&self, bytes: u64) -> UnreadResponse {
        let mut state = self.0.state();
        state.last_answer += 1;
        let answer =
            (Instant::now() + Duration::from_secs(bytes / MIN_READ_BYTES_PER_SECOND), state.last_answer);
        state.unread_bytes += bytes;
        state.answers.insert(answer);
        drop(state);
        UnreadResponse { monitor: self.0.clone(), answer, bytes }
    }
}

impl Drop for UnreadResponse {
    fn drop(&mut self) {
        let mut state = self.monitor.state();
        state.answers.remove(&self.answer);
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

    fn is_fine(monitor: &ConnectionMonitor) -> bool {
        matches!(monitor.check(), ConnectionStatus::Healthy { .. })
    }

    #[test]
    fn a_connection_has_the_time_for_what_it_waits_for() {
        assert_eq!(monitor(NOW, LATER).check(), ConnectionStatus::TimedOut, "its first request is due");
        let monitor = monitor(NOW, LATER);
        let request = monitor.start_request(Version::HTTP_11);
        assert!(is_fine(&monitor), "it is the server's turn");
        drop(request);
        assert!(is_fine(&monitor), "it lies idle");
        monitor.on_read();
        assert_eq!(monitor.check(), ConnectionStatus::TimedOut, "the next request has begun");
    }

    #[test]
    fn a_ping_begins_no_request_and_keeps_no_connection() {
        let monitor = monitor(LATER, NOW);
        drop(monitor.start_request(Version::HTTP_2));
        monitor.on_read();
        monitor.on_write(true);
        assert!(matches!(monitor.check(), ConnectionStatus::CloseGracefully { .. }));
    }

    #[test]
    fn who_does_not_read_is_overdue_whatever_they_have_asked_for() {
        let monitor = monitor(LATER, NOW);
        let _request = monitor.start_request(Version::HTTP_2);
        monitor.on_write(false);
        assert_eq!(monitor.check(), ConnectionStatus::TimedOut);
        monitor.on_write(true);
        assert!(is_fine(&monitor));
    }
}
