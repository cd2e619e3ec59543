//! The throttle: how often something may be tried before one has to wait.
//!
//! Tries are counted in the database, so that replicas agree, and before the thing is tried, so that
//! many requests at once cannot try more often than one after another. Nobody is ever locked out for
//! good, and who signs in from where they did before does not wait for what others do elsewhere. A new
//! subject is a variant of `ThrottleKey` and its [`Ladder`].

mod password;
mod quota;
mod refresh;
mod slots;
mod store;
mod subject;

use std::{net::IpAddr, sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, DbErr};

pub use self::{password::Target, refresh::RefreshLimit, subject::account_key};
pub(crate) use self::{
    quota::{QuotaKey, QuotaPermit, Quotas, network_limits},
    slots::{Slot, SlotPriority, Slots, SlotsFull},
};
use self::{
    store::Row,
    subject::{ThrottleKey, is_ipv6},
};
use crate::{
    clock::{Clock, Timestamp},
    config::{Ladder, LimitsConfig},
    database::Database,
    id::UserId,
};

/// Counts tries and says when the next is allowed.
#[derive(Clone)]
pub struct Throttle {
    database: Database,
    clock: Clock,
    config: Arc<LimitsConfig>,
}

/// Whether something may be tried.
#[must_use]
pub enum Decision {
    /// It may, and the try has been counted.
    Allowed(RecordedAttempt),
    /// Not before this much time has passed.
    Refused {
        /// Whole seconds, at least one.
        retry_after: Duration,
        /// Whether it is the first refusal since the wait began; the others need not be written down.
        is_new: bool,
    },
}

/// A try that was counted.
pub struct RecordedAttempt {
    /// For what; nothing where there is no throttle.
    counted: Vec<ThrottleKey>,
}

impl Throttle {
    /// A throttle with these ladders.
    #[must_use]
    pub fn new(database: Database, config: LimitsConfig, clock: Clock) -> Self {
        Self { database, clock, config: Arc::new(config) }
    }

    /// Asks whether somebody may register from `address`, and counts it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_registration(&self, address: IpAddr) -> Result<Decision, DbErr> {
        let mut subjects = vec![ThrottleKey::Registration(address)];
        if is_ipv6(address) {
            subjects.push(ThrottleKey::RegistrationBlock(address));
        }
        self.count_attempt(subjects).await
    }

    /// Asks whether an account may change itself once more, and counts it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_change(&self, user: UserId) -> Result<Decision, DbErr> {
        self.count_attempt(vec![ThrottleKey::Change(user)]).await
    }

    /// Counts a sign-in in its transaction, which must be rolled back where the permit is refused. Only a caller who
    /// has shown the password is counted, so that nobody else can make the account wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_login(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<Decision, DbErr> {
        let subject = ThrottleKey::Login(user);
        let now = self.clock.now();
        if !self.config.enabled || self.count(transaction, &subject, now).await? {
            return Ok(Decision::Allowed(RecordedAttempt { counted: Vec::new() }));
        }
        let rows = store::find(transaction, &[subject.row_key()]).await?;
        let until = rows.iter().map(|row| row.until).max().unwrap_or(now);
        Ok(Decision::Refused { retry_after: whole_seconds(until, now), is_new: false })
    }

    /// Deletes counts that are forgotten, at most `batch`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_forgotten(self.database.writer(), self.clock.now(), batch).await
    }

    /// Counts a try of each subject, or of none when one of them has to wait.
    async fn count_attempt(&self, subjects: Vec<ThrottleKey>) -> Result<Decision, DbErr> {
        if !self.config.enabled {
            return Ok(Decision::Allowed(RecordedAttempt { counted: Vec::new() }));
        }
        let now = self.clock.now();
        // Who has to wait anyway costs the writer nothing, however often they ask.
        if let Some(permit) = self.refuse(&subjects, now).await? {
            return Ok(permit);
        }
        self.count_all(subjects, now).await
    }

    /// Counts a try of each subject in one transaction, or of none when one of them has to wait.
    async fn count_all(&self, subjects: Vec<ThrottleKey>, now: Timestamp) -> Result<Decision, DbErr> {
        let transaction = self.database.begin().await?;
        for subject in &subjects {
            if !self.count(&transaction, subject, now).await? {
                transaction.rollback().await?;
                let second = Decision::Refused { retry_after: Duration::from_secs(1), is_new: false };
                return Ok(self.refuse(&subjects, now).await?.unwrap_or(second));
            }
        }
        transaction.commit().await?;
        Ok(Decision::Allowed(RecordedAttempt { counted: subjects }))
    }

    /// Counts a try of a subject. False when it has to wait.
    async fn count(
        &self,
        transaction: &impl ConnectionTrait,
        subject: &ThrottleKey,
        now: Timestamp,
    ) -> Result<bool, DbErr> {
        let ladder = subject.ladder(&self.config);
        let key = subject.row_key();
        let Some(tries) = store::count(transaction, &key, now, now + ladder.forget_after).await? else {
            return Ok(false);
        };
        if subject.is_used_up_after(tries) {
            return Ok(false);
        }
        match subject.delay_after(tries, ladder) {
            // Until now is too long for who came a little earlier, or whose clock is behind.
            Duration::ZERO => {}
            delay => store::block(transaction, &key, now + delay).await?,
        }
        Ok(true)
    }

    /// The refusal, when one of the subjects has to wait.
    async fn refuse(&self, subjects: &[ThrottleKey], now: Timestamp) -> Result<Option<Decision>, DbErr> {
        let keys: Vec<_> = subjects.iter().map(ThrottleKey::row_key).collect();
        let rows = store::find(self.database.reader(), &keys).await?;
        let blocks: Vec<&Row> = rows.iter().filter(|row| row.until > now).collect();
        self.refusal(&blocks, now).await
    }

    /// The refusal for what blocks longest; none where nothing does.
    async fn refusal(&self, blocks: &[&Row], now: Timestamp) -> Result<Option<Decision>, DbErr> {
        let Some(longest) = blocks.iter().max_by_key(|row| row.until) else { return Ok(None) };
        let is_new =
            !longest.is_logged && store::mark_logged(self.database.writer(), &longest.subject).await?;
        Ok(Some(Decision::Refused { retry_after: whole_seconds(longest.until, now), is_new }))
    }
}

impl Ladder {
    /// How long to wait after this many tries.
    fn delay_after(&self, tries: i64) -> Duration {
        if tries < i64::from(self.free) {
            return Duration::ZERO;
        }
        let over = u32::try_from(tries - i64::from(self.free)).unwrap_or(u32::MAX);
        let factor = 2_u32.saturating_pow(over);
        self.first_delay.saturating_mul(factor).min(self.longest_delay)
    }
}

fn whole_seconds(until: Timestamp, now: Timestamp) -> Duration {
    let milliseconds = u64::try_from((until - now).num_milliseconds()).unwrap_or(0);
    Duration::from_secs(milliseconds.div_ceil(1000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_tries_cost_nothing_and_the_wait_doubles_up_to_the_longest() {
        let ladder = Ladder { longest_delay: Duration::from_secs(30), ..LimitsConfig::default().pair };
        let waits: Vec<u64> = (1..=12).map(|tries| ladder.delay_after(tries).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(ladder.delay_after(i64::MAX).as_secs(), 30);
    }
}
