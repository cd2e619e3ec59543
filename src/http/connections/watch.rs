use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::http::Version;
use tokio::time::Instant;

use crate::{config::HttpConfig, limits::SlotPriority};

/// Knows for what a connection waits, and since when. Its clones watch the same connection.
#[derive(Clone)]
pub(super) struct Watch {
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
const SLOWEST: u64 = 4 * 1024;

/// What is to be done about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing before this time.
    Fine {
        /// No deadline is before it, whatever happens until then.
        look_again_at: Instant,
    },
    /// It lies idle, or its client leaves answers unread: it is closed with a goodbye, for which there is time until
    /// then.
    Goodbye {
        /// When it must be gone.
        look_again_at: Instant,
    },
    /// Its client has kept the server waiting for too long.
    Overdue,
}

/// A request that is being answered.
pub(super) struct InFlight(Watch);

/// An answer, or a part of one, that was not read.
pub(super) struct Unread {
    watch: Watch,
    answer: (Instant, u64),
    bytes: u64,
}

/// The client leaves its answers unread.
#[derive(Debug, thiserror::Error)]
#[error("the client has {MAX_UNREAD_BYTES} bytes of answers to read first")]
pub(super) struct TooMuchUnread;

impl Watch {
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
    pub(super) fn begin(&self, version: Version) -> InFlight {
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
    pub(super) fn look(&self) -> Verdict {
        let now = Instant::now();
        let state = self.state();
        let latest = now + self.header_timeout.min(self.idle_timeout);
        let is_late = |since: &Instant| *since + self.idle_timeout <= now;
        if state.unread_since.as_ref().is_some_and(is_late) {
            return Verdict::Overdue;
        }
        if state.answers.first().is_some_and(|(since, _)| is_late(since)) {
            return Verdict::Goodbye { look_again_at: latest };
        }
        if state.in_flight > 0 {
            return Verdict::Fine { look_again_at: latest };
        }
        let patience = if state.has_begun { self.header_timeout } else { self.idle_timeout };
        let deadline = state.since + patience;
        match (deadline <= now, state.has_begun) {
            (false, _) => Verdict::Fine { look_again_at: deadline.min(latest) },
            (true, true) => Verdict::Overdue,
            (true, false) => Verdict::Goodbye { look_again_at: latest },
        }
    }

    /// Notes that something has come.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && !state.has_begun && !state.is_http2 {
            state.since = Instant::now();
            state.has_begun = true;
        }
    }

    /// Notes that something was written, or that the client must first read what was.
    pub(super) fn wrote(&self, is_done: bool) {
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
    pub(super) fn poll_may_read(&self, cx: &Context<'_>) -> Poll<()> {
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
    pub(super) fn whole(self, bytes: u64) -> Result<Unread, TooMuchUnread> {
        let state = self.0.state();
        if !state.answers.is_empty() && state.unread_bytes + bytes > MAX_UNREAD_BYTES {
            return Err(TooMuchUnread);
        }
        drop(state);
        Ok(self.part(bytes))
    }

    /// Notes that a part of an answer is there, until it was read.
    pub(super) fn part(&self, bytes: u64) -> Unread {
        let mut state = self.0.state();
        state.last_answer += 1;
        let answer = (Instant::now() + Duration::from_secs(bytes / SLOWEST), state.last_answer);
        state.unread_bytes += bytes;
        state.answers.insert(answer);
        drop(state);
        Unread { watch: self.0.clone(), answer, bytes }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let mut state = self.watch.state();
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

    fn watch(header_timeout: Duration, idle_timeout: Duration) -> Watch {
        Watch::new(&HttpConfig { header_timeout, idle_timeout, ..HttpConfig::default() }, Arc::default())
    }

    fn is_fine(watch: &Watch) -> bool {
        matches!(watch.look(), Verdict::Fine { .. })
    }

    #[test]
    fn a_connection_has_the_time_for_what_it_waits_for() {
        assert_eq!(watch(NOW, LATER).look(), Verdict::Overdue, "its first request is due");
        let watch = watch(NOW, LATER);
        let request = watch.begin(Version::HTTP_11);
        assert!(is_fine(&watch), "it is the server's turn");
        drop(request);
        assert!(is_fine(&watch), "it lies idle");
        watch.received();
        assert_eq!(watch.look(), Verdict::Overdue, "the next request has begun");
    }

    #[test]
    fn a_ping_begins_no_request_and_keeps_no_connection() {
        let watch = watch(LATER, NOW);
        drop(watch.begin(Version::HTTP_2));
        watch.received();
        watch.wrote(true);
        assert!(matches!(watch.look(), Verdict::Goodbye { .. }));
    }

    #[test]
    fn who_does_not_read_is_overdue_whatever_they_have_asked_for() {
        let watch = watch(LATER, NOW);
        let _request = watch.begin(Version::HTTP_2);
        watch.wrote(false);
        assert_eq!(watch.look(), Verdict::Overdue);
        watch.wrote(true);
        assert!(is_fine(&watch));
    }
}
