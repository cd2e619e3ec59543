//! The clock, from which all other modules read the time.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Uuid};

/// A point in time, UTC.
pub type Timestamp = DateTime<Utc>;

/// The program's source of time. Clones share one clock, so a test that advances its clone advances the whole server.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::Clock;
///
/// let clock = Clock::steady();
/// let before = clock.now();
/// clock.clone().advance(Duration::from_hours(1));
/// assert!(clock.now() - before >= chrono::Duration::hours(1));
/// ```
#[derive(Clone, Default)]
pub struct Clock(Arc<State>);

/// The state that the clones of a clock share.
#[derive(Default)]
struct State {
    /// When a steady clock was created, by the system's clock and by the monotonic one.
    steady_since: Option<(Timestamp, Instant)>,
    /// Time by which this clock is ahead of the system's clock, milliseconds.
    ahead_ms: AtomicI64,
    /// Counter within a millisecond, so that ids sort in the order in which they were created.
    sequence: Mutex<ContextV7>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that begins with the system's time and then does not follow it. A correction of the system's clock,
    /// such as after a pause of a virtual machine, does not expire the tokens of a test.
    #[must_use]
    pub fn steady() -> Self {
        let steady_since = Some((system_time(), Instant::now()));
        Self(Arc::new(State { steady_since, ..State::default() }))
    }

    /// The current time, in milliseconds like the database.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.0.steady_since.map_or_else(system_time, |(start, since)| start + since.elapsed());
        let now_ms = now.timestamp_millis() + self.0.ahead_ms.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(now_ms).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Generates a `UUIDv7`, which contains the current time in its first 48 bits (RFC 9562 §5.7).
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(&self.0.sequence, seconds, now.timestamp_subsec_nanos()))
    }

    /// Advances this clock and all its clones, so that tests need not wait.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "all other modules use this clock")]
fn system_time() -> Timestamp {
    Utc::now()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
