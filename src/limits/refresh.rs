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

/// A limit on how often the sessions of an account are refreshed. Each process counts for itself, in memory: to count in
/// the database would cost as much as a refresh does.
pub struct RefreshLimit {
    clock: Clock,
    max: u32,
    current: Mutex<Minute>,
}

/// The refreshes of the present minute.
#[derive(Default)]
struct Minute {
    number: i64,
    accounts: HashMap<UserId, u32>,
    users: HashMap<SessionId, UserId>,
}

impl RefreshLimit {
    /// At most so many refreshes of an account in a minute; none is refused when that is `None`.
    #[must_use]
    pub fn new(max: Option<u32>, clock: Clock) -> Self {
        Self { clock, max: max.unwrap_or(u32::MAX), current: Mutex::default() }
    }

    /// The time that a session has to wait before it is refreshed. `None` if it need not wait.
    #[must_use]
    pub fn retry_after(&self, session: SessionId) -> Option<Duration> {
        self.with(|minute, left| {
            let count = minute.users.get(&session).and_then(|user| minute.accounts.get(user))?;
            (*count >= self.max).then_some(left)
        })
    }

    /// Counts a refresh that took place. Whoever presents a token that does not refresh anything is not counted, so
    /// that an old copy of a token makes nobody wait.
    pub fn count(&self, session: SessionId, user: UserId) {
        self.with(|minute, _| {
            minute.users.insert(session, user);
            let count = minute.accounts.entry(user).or_default();
            *count = count.saturating_add(1);
        });
    }

    /// Looks at the present minute, of which so much is left.
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
