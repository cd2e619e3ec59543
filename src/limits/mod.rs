//! The throttle: how often something may be tried before one has to wait.
//!
//! Tries are counted in the database, so that replicas agree, and before the thing is tried, so that
//! many requests at once cannot try more often than one after another. Nobody is ever locked out for
//! good, and who signs in from where they did before does not wait for what others do elsewhere. A new
//! subject is a variant of `Subject` and its [`Ladder`].

mod store;
mod subject;

use std::{net::IpAddr, time::Duration};

use sea_orm::{ConnectionTrait, DbErr};

use self::subject::{KnownPlace, Subject, keys_of_pairs};
pub use self::subject::{network, subject_of};
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
    config: LimitsConfig,
}

/// Whether something may be tried.
#[must_use]
pub enum Permit {
    /// It may, and the try has been counted.
    Granted(Try),
    /// Not before this much time has passed.
    Refused {
        /// Whole seconds, at least one.
        retry_after: Duration,
        /// Whether it is the first refusal since the wait began; the others need not be written down.
        is_new: bool,
    },
}

/// A try that was counted.
pub struct Try {
    /// For what; nothing where there is no throttle.
    counted: Vec<Subject>,
}

impl Throttle {
    /// A throttle with these ladders.
    #[must_use]
    pub fn new(database: Database, config: LimitsConfig, clock: Clock) -> Self {
        Self { database, clock, config }
    }

    /// Asks whether the password of `account`, which need not exist, may be tried from `address`,
    /// and counts the try. What is tried elsewhere does not count where somebody has signed in before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_password(&self, account: &str, address: IpAddr) -> Result<Permit, DbErr> {
        let name = account.to_owned();
        let mut subjects = vec![Subject::Address(address), Subject::Pair(name.clone(), address)];
        let known = KnownPlace(account, address).key();
        if self.config.enabled && !store::is_there(self.database.reader(), &known, self.clock.now()).await? {
            // Always in this order, so that two transactions cannot wait for each other.
            subjects.insert(0, Subject::Account(name));
        }
        self.ask(subjects).await
    }

    /// Takes a try back that was right; the account's failures from there are forgiven.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forgive(&self, right: &Try) -> Result<(), DbErr> {
        self.take_back(right, |subject| matches!(subject, Subject::Pair(..))).await
    }

    /// Takes a try back that did not take place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn undo(&self, void: &Try) -> Result<(), DbErr> {
        self.take_back(void, |_| false).await
    }

    /// Remembers, in the transaction of a sign-in, from where somebody signs in to an account.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remember(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        address: IpAddr,
    ) -> Result<(), DbErr> {
        if !self.config.enabled {
            return Ok(());
        }
        let until = self.clock.now() + self.config.known_for;
        store::remember(transaction, &KnownPlace(&subject_of(user), address).key(), until).await
    }

    /// Forgets, in the transaction that makes it needless, how often an account's password was tried, wherever
    /// that was. What an address has tried on any account stays counted: it may be the guesser's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        let account = subject_of(user);
        // The account before its pairs, in the order in which tries lock them.
        store::delete(transaction, &Subject::Account(account.clone()).key()).await?;
        store::delete_range(transaction, keys_of_pairs(&account)).await
    }

    /// Asks whether somebody may register from `address`, and counts it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_registration(&self, address: IpAddr) -> Result<Permit, DbErr> {
        self.ask(vec![Subject::Register(address)]).await
    }

    /// Deletes counts that are forgotten, at most `batch`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_forgotten(self.database.writer(), self.clock.now(), batch).await
    }

    /// Takes one try of each subject back; of those that `is_forgiven`, all.
    async fn take_back(&self, back: &Try, is_forgiven: impl Fn(&Subject) -> bool) -> Result<(), DbErr> {
        if back.counted.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin().await?;
        for subject in &back.counted {
            if is_forgiven(subject) {
                store::delete(&transaction, &subject.key()).await?;
            } else {
                store::take_back(&transaction, &subject.key()).await?;
            }
        }
        transaction.commit().await
    }

    /// Counts a try of each subject, or of none when one of them has to wait.
    async fn ask(&self, subjects: Vec<Subject>) -> Result<Permit, DbErr> {
        if !self.config.enabled {
            return Ok(Permit::Granted(Try { counted: Vec::new() }));
        }
        let now = self.clock.now();
        // Who has to wait anyway costs the writer nothing, however often they ask.
        if let Some(permit) = self.refuse(&subjects, now).await? {
            return Ok(permit);
        }
        let transaction = self.database.begin().await?;
        for subject in &subjects {
            let ladder = subject.ladder(&self.config);
            let key = subject.key();
            match store::count(&transaction, &key, now, now + ladder.forget_after).await? {
                Some(tries) => match ladder.delay_after(tries) {
                    // Until now is too long for who came a little earlier, or whose clock is behind.
                    Duration::ZERO => {}
                    delay => store::block(&transaction, &key, now + delay).await?,
                },
                None => {
                    transaction.rollback().await?;
                    let second = Permit::Refused { retry_after: Duration::from_secs(1), is_new: false };
                    return Ok(self.refuse(&subjects, now).await?.unwrap_or(second));
                }
            }
        }
        transaction.commit().await?;
        Ok(Permit::Granted(Try { counted: subjects }))
    }

    /// The refusal, when one of the subjects has to wait.
    async fn refuse(&self, subjects: &[Subject], now: Timestamp) -> Result<Option<Permit>, DbErr> {
        let keys: Vec<_> = subjects.iter().map(Subject::key).collect();
        let blocked = store::blocked(self.database.reader(), &keys, now).await?;
        let Some(longest) = blocked.iter().max_by_key(|block| block.until) else { return Ok(None) };
        let is_new = !longest.is_told && store::tell(self.database.writer(), &longest.subject).await?;
        Ok(Some(Permit::Refused { retry_after: whole_seconds(longest.until, now), is_new }))
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
