//! The throttle: limits how often clients try passwords, register, sign in, change accounts and request messages.
//!
//! Attempts are counted in the database, so that replicas agree. They are counted before the operation, so that
//! concurrent requests get no more attempts than sequential ones. Every block ends by itself, so no attacker can lock
//! an account for good. A user at a known address is not delayed by attempts from elsewhere.
//!
//! To limit something new, add a variant to `ThrottleKey` and choose its [`Backoff`].

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
    quota::{QuotaKey, QuotaPermit, Quotas, network_limits, wide_network},
    slots::{Slot, SlotPriority, Slots, SlotsFull},
};
use self::{
    store::Row,
    subject::{ThrottleKey, is_ipv6},
};
use crate::{
    clock::{Clock, Timestamp},
    config::{Backoff, LimitsConfig},
    database::Database,
    id::UserId,
};

/// Counts attempts and decides whether the next one is allowed.
#[derive(Clone)]
pub struct Throttle {
    database: Database,
    clock: Clock,
    config: Arc<LimitsConfig>,
}

/// The decision on an attempt.
#[must_use]
pub enum Decision {
    /// The attempt is allowed and has been counted.
    Allowed(RecordedAttempt),
    /// The attempt is refused.
    Refused {
        /// The time until the next attempt is allowed: whole seconds, at least one.
        retry_after: Duration,
        /// Whether this is the first refusal since the block began. Later ones need no audit event.
        is_new: bool,
    },
}

/// An attempt that was counted.
pub struct RecordedAttempt {
    /// The keys under which it was counted. Empty if the throttle is disabled.
    counted: Vec<ThrottleKey>,
}

impl Throttle {
    /// Creates a throttle with these limits.
    #[must_use]
    pub fn new(database: Database, config: LimitsConfig, clock: Clock) -> Self {
        Self { database, clock, config: Arc::new(config) }
    }

    /// Decides whether a client may register from `address`, and counts the attempt.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_registration(&self, address: IpAddr) -> Result<Decision, DbErr> {
        let mut keys = vec![ThrottleKey::Registration(address)];
        if is_ipv6(address) {
            keys.push(ThrottleKey::RegistrationBlock(address));
        }
        self.count_attempt(keys).await
    }

    /// Decides whether a user may change their account once more, and counts the attempt.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_change(&self, user: UserId) -> Result<Decision, DbErr> {
        self.count_attempt(vec![ThrottleKey::Change(user)]).await
    }

    /// Decides whether a client may cause a message to an e-mail address, and counts it. `address_key` is the normalised
    /// address. `user` is the account of a signed-in caller: a request of an anonymous client must not name one, because
    /// a refusal would then tell whether the account exists.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_message(
        &self,
        address_key: &str,
        client: IpAddr,
        user: Option<UserId>,
    ) -> Result<Decision, DbErr> {
        // Always in this order: two transactions that lock rows in different orders could deadlock.
        let mut keys = vec![ThrottleKey::MessageRequest(client)];
        if is_ipv6(client) {
            keys.push(ThrottleKey::MessageRequestBlock(client));
        }
        keys.extend(user.map(ThrottleKey::MessageOfAccount));
        keys.push(ThrottleKey::Message(address_key.to_owned()));
        self.count_attempt(keys).await
    }

    /// The time until the next message to an address may be requested.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn message_wait(&self, address_key: &str) -> Result<Duration, DbErr> {
        let (key, now) = (ThrottleKey::Message(address_key.to_owned()).row_key(), self.clock.now());
        let rows = store::find(self.database.reader(), &[key]).await?;
        let until = rows.iter().map(|row| row.until).max().filter(|until| *until > now);
        Ok(until.map_or(Duration::ZERO, |until| whole_seconds(until, now)))
    }

    /// Decides whether a client may try a code that was sent to an address, and counts the attempt. `address` is the key by
    /// which addresses are compared.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_code(&self, address: &str) -> Result<Decision, DbErr> {
        self.count_attempt(vec![ThrottleKey::Code(address.to_owned())]).await
    }

    /// Decides whether a second factor of an account may be tried, and counts the attempt. All factors of an account share
    /// one count.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_factor(&self, user: UserId) -> Result<Decision, DbErr> {
        self.count_attempt(vec![ThrottleKey::SecondFactor(user)]).await
    }

    /// Counts a sign-in in its transaction, which must be rolled back if the sign-in is refused. Only a client with the
    /// correct password is counted, so that an attacker cannot block the account's sign-ins.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_login(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
    ) -> Result<Decision, DbErr> {
        let key = ThrottleKey::Login(user);
        let now = self.clock.now();
        if !self.config.enabled || self.count(transaction, std::slice::from_ref(&key), now).await? {
            return Ok(Decision::Allowed(RecordedAttempt { counted: Vec::new() }));
        }
        let rows = store::find(transaction, &[key.row_key()]).await?;
        let until = rows.iter().map(|row| row.until).max().unwrap_or(now);
        Ok(Decision::Refused { retry_after: whole_seconds(until, now), is_new: false })
    }

    /// Counts a notice of this kind to the user of an account, in the transaction that causes it. Returns `false` if there
    /// were too many. Each kind is counted alone, and apart from the messages that clients request: otherwise an attacker
    /// could prevent one notice by causing other messages.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_notice(
        &self,
        transaction: &impl ConnectionTrait,
        user: UserId,
        kind: &'static str,
    ) -> Result<bool, DbErr> {
        // A single key that is blocked is not counted, so the transaction can continue.
        let keys = [ThrottleKey::Notice(user, kind)];
        Ok(!self.config.enabled || self.count(transaction, &keys, self.clock.now()).await?)
    }

    /// Deletes expired counts, at most `batch`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        store::delete_forgotten(self.database.writer(), self.clock.now(), batch).await
    }

    /// Counts an attempt under each key, or under none if one of the keys is blocked.
    async fn count_attempt(&self, keys: Vec<ThrottleKey>) -> Result<Decision, DbErr> {
        if !self.config.enabled {
            return Ok(Decision::Allowed(RecordedAttempt { counted: Vec::new() }));
        }
        let now = self.clock.now();
        // Read first: a blocked client then causes no write, however many requests it sends.
        if let Some(refused) = self.refuse(&keys, now).await? {
            return Ok(refused);
        }
        self.count_all(keys, now).await
    }

    /// Counts an attempt under each key in one transaction, or under none if one of the keys is blocked.
    async fn count_all(&self, keys: Vec<ThrottleKey>, now: Timestamp) -> Result<Decision, DbErr> {
        let transaction = self.database.begin_short().await?;
        if !self.count(&transaction, &keys, now).await? {
            transaction.rollback().await?;
            let just_blocked = Decision::Refused { retry_after: Duration::from_secs(1), is_new: false };
            return Ok(self.refuse(&keys, now).await?.unwrap_or(just_blocked));
        }
        transaction.commit().await?;
        Ok(Decision::Allowed(RecordedAttempt { counted: keys }))
    }

    /// Counts an attempt under each key. Returns `false` if one of the keys is blocked; the transaction must then be rolled
    /// back.
    async fn count(
        &self,
        transaction: &impl ConnectionTrait,
        keys: &[ThrottleKey],
        now: Timestamp,
    ) -> Result<bool, DbErr> {
        let row = |key: &ThrottleKey| (key.row_key(), now + key.backoff(&self.config).forget_after);
        let rows: Vec<_> = keys.iter().map(row).collect();
        let counts = store::count(transaction, &rows, now).await?;
        for (key, (row_key, _)) in keys.iter().zip(&rows) {
            let Some(tries) = counts.get(row_key).copied() else { return Ok(false) };
            if key.is_used_up_after(tries) {
                return Ok(false);
            }
            match key.delay_after(tries, key.backoff(&self.config)) {
                // Writes nothing: `blocked_until = now` could still block a request with a slightly earlier timestamp.
                Duration::ZERO => {}
                delay => store::block(transaction, row_key, now + delay).await?,
            }
        }
        Ok(true)
    }

    /// The refusal if one of the keys is blocked.
    async fn refuse(&self, keys: &[ThrottleKey], now: Timestamp) -> Result<Option<Decision>, DbErr> {
        let row_keys: Vec<_> = keys.iter().map(ThrottleKey::row_key).collect();
        let rows = store::find(self.database.reader(), &row_keys).await?;
        let blocks: Vec<&Row> = rows.iter().filter(|row| row.until > now).collect();
        self.refusal(&blocks, now).await
    }

    /// The refusal for the longest of these blocks. `None` if there is no block.
    async fn refusal(&self, blocks: &[&Row], now: Timestamp) -> Result<Option<Decision>, DbErr> {
        let Some(longest) = blocks.iter().max_by_key(|row| row.until) else { return Ok(None) };
        let is_new =
            !longest.is_logged && store::mark_logged(self.database.writer(), &longest.subject).await?;
        Ok(Some(Decision::Refused { retry_after: whole_seconds(longest.until, now), is_new }))
    }
}

impl Backoff {
    /// The block after this many attempts (exponential backoff).
    fn delay_after(&self, tries: i64) -> Duration {
        if tries < i64::from(self.free_attempts) {
            return Duration::ZERO;
        }
        let over = u32::try_from(tries - i64::from(self.free_attempts)).unwrap_or(u32::MAX);
        let factor = 2_u32.saturating_pow(over);
        self.initial_delay.saturating_mul(factor).min(self.max_delay)
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
    fn free_attempts_cause_no_block_and_the_delay_doubles_up_to_the_maximum() {
        let backoff = Backoff { max_delay: Duration::from_secs(30), ..LimitsConfig::default().pair };
        let waits: Vec<u64> = (1..=12).map(|tries| backoff.delay_after(tries).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(backoff.delay_after(i64::MAX).as_secs(), 30);
    }
}
