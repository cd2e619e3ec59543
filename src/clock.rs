//! The clock, from which all other modules read the time.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Uuid};

/// A point in time, UTC.
pub type Timestamp = DateTime<Utc>;

/// The program's source of time. Clones share one clock, so a test that advances its clone advances the whole server.
#[derive(Clone, Default)]
pub struct Clock {
    /// Time by which this clock is ahead of the system's clock, milliseconds.
    ahead_ms: Arc<AtomicI64>,
    /// Counter within a millisecond, so that ids sort in the order in which they were created.
    sequence: Arc<Mutex<ContextV7>>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// The current time, in milliseconds like the database.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "all other modules use this clock")]
    pub fn now(&self) -> Timestamp {
        let now_ms = Utc::now().timestamp_millis() + self.ahead_ms.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(now_ms).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Generates a `UUIDv7`, which contains the current time in its first 48 bits (RFC 9562 §5.7).
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*self.sequence, seconds, now.timestamp_subsec_nanos()))
    }

    /// Advances this clock and all its clones, so that tests need not wait.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
