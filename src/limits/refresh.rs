use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    clock::Clock,
    id::{SessionId, UserId},
};

/// Seconds in the time for which refreshes are counted.
const MINUTE: i64 = 60;

/// Limits how often the sessions of an account are refreshed. Each process counts for itself, in memory, because a count
/// in the database would cost as much as a refresh.
pub struct RefreshLimit {
    clock: Clock,
    max: u32,
    current: Mutex<Minute>,
}

/// The refreshes of the current minute.
#[derive(Default)]
struct Minute {
    number: i64,
    accounts: HashMap<UserId, u32>,
    users: HashMap<SessionId, UserId>,
}

impl RefreshLimit {
    /// Creates a limit of `max` refreshes per account and minute. `None` means no limit.
    #[must_use]
    pub fn new(max: Option<u32>, clock: Clock) -> Self {
        Self { clock, max: max.unwrap_or(u32::MAX), current: Mutex::default() }
    }

    /// The time until a session may be refreshed. `None` if it may be refreshed now.
    #[must_use]
    pub fn retry_after(&self, session: SessionId) -> Option<Duration> {
        self.with(|minute, left| {
            let count = minute.users.get(&session).and_then(|user| minute.accounts.get(user))?;
            (*count >= self.max).then_some(left)
        })
    }

    /// Counts a successful refresh. A failed one is not counted, so that an attacker with an old copy of a token cannot
    /// block the user.
    pub fn count(&self, session: SessionId, user: UserId) {
        self.with(|minute, _| {
            minute.users.insert(session, user);
            let count = minute.accounts.entry(user).or_default();
            *count = count.saturating_add(1);
        });
    }

    /// Calls `read` with the current minute and the time that is left of it.
    fn with<T>(&self, read: impl FnOnce(&mut Minute, Duration) -> T) -> T {
        let seconds = self.clock.now().timestamp();
        let number = seconds.div_euclid(MINUTE);
        let left = u64::try_from(MINUTE - seconds.rem_euclid(MINUTE)).unwrap_or(1);
        let mut minute = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        read(&mut minute, Duration::from_secs(left))
    }
}
