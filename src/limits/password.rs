//! Tries of a password.
//!
//! Failures count for the account, wherever they come from. Once the account has to wait, its owner competes with
//! guessers for the next try, unless the owner is at a place where somebody has signed in before. Two rules keep a
//! guesser from winning each time:
//!
//! - A network from which nobody has tried this account lately gets a first try at once. These have a ladder of their
//!   own, so that many networks do not make many guesses.
//! - Who asks again before the time that they were given waits longer, and so misses the next try.

use std::{net::IpAddr, time::Duration};

use sea_orm::{ConnectionTrait, DbErr};

use super::{
    Decision, RecordedAttempt, Throttle,
    store::{self, Row},
    subject::{KnownAddress, ThrottleKey, account_key, account_key_ranges, is_ipv6, wait_key},
    whole_seconds,
};
use crate::{clock::Timestamp, id::UserId};

/// The time by which a client may come back too early. It allows for clocks of replicas that differ a little.
const EARLY_TOLERANCE: Duration = Duration::from_millis(500);

/// The account whose password is tried.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The account as the throttle knows it. It need not exist.
    pub account: &'a str,
    /// The token version of the account; none where there is no account.
    pub token_version: Option<i64>,
}

/// The stored counts of the subjects of a try at a place that is not known.
struct StoredCounts {
    rows: Vec<Row>,
    now: Timestamp,
}

impl StoredCounts {
    fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject == key)
    }

    /// The row of a subject that has to wait.
    fn block(&self, key: &str) -> Option<&Row> {
        self.row(key).filter(|row| row.until > self.now)
    }

    /// Whether the subject was not counted lately.
    fn is_new(&self, key: &str) -> bool {
        self.row(key).is_none_or(|row| row.tries == 0 || row.forget_at <= self.now)
    }
}

impl Throttle {
    /// Asks whether a password may be tried from `address`, and counts the try. What is tried elsewhere does not count
    /// where somebody has signed in before, since the account got its password and roles.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_password(&self, target: Target<'_>, address: IpAddr) -> Result<Decision, DbErr> {
        if !self.config.enabled {
            return Ok(Decision::Allowed(RecordedAttempt { counted: Vec::new() }));
        }
        let name = target.account.to_owned();
        // Always in this order, so that two transactions cannot wait for each other.
        let mut own = vec![
            ThrottleKey::Address(address),
            ThrottleKey::AccountAndAddress(name.clone(), address),
            ThrottleKey::AnyAttempt(name, address),
        ];
        let known =
            KnownAddress { account: target.account, token_version: target.token_version, address }.row_key();
        if store::exists(self.database.reader(), &known, self.clock.now()).await? {
            return self.count_attempt(own).await;
        }
        if is_ipv6(address) {
            own.push(ThrottleKey::AddressBlock(address));
        }
        self.try_from_new_network(target.account, address, own).await
    }

    async fn try_from_new_network(
        &self,
        account: &str,
        address: IpAddr,
        own: Vec<ThrottleKey>,
    ) -> Result<Decision, DbErr> {
        let now = self.clock.now();
        let name = || account.to_owned();
        let (anywhere, newcomers) = (ThrottleKey::Account(name()), ThrottleKey::NewNetworks(name()));
        let (again, first) =
            (ThrottleKey::LaterAttempt(name(), address), ThrottleKey::FirstAttempt(name(), address));
        let wait = wait_key(account, address);
        let mut keys = vec![anywhere.row_key(), newcomers.row_key(), first.row_key(), wait.clone()];
        keys.extend(own.iter().map(ThrottleKey::row_key));
        let rows = store::find(self.database.reader(), &keys).await?;
        let counts = StoredCounts { rows, now };

        let account_block = counts.block(&anywhere.row_key());
        let is_first = counts.is_new(&first.row_key()) && counts.block(&newcomers.row_key()).is_none();
        let mut blocks: Vec<&Row> =
            own.iter().filter_map(|subject| counts.block(&subject.row_key())).collect();
        let network_block = counts.block(&wait);
        if network_block.is_some() || (account_block.is_some() && !is_first) {
            blocks.extend(account_block);
            let until = self.extend_wait(&wait, network_block, account_block, now).await?;
            return self.refuse_until(&blocks, until, now).await;
        }
        if let Some(refused) = self.refusal(&blocks, now).await? {
            return Ok(refused);
        }
        let mut subjects =
            if account_block.is_some() { vec![newcomers, first] } else { vec![anywhere, again] };
        subjects.extend(own);
        self.count_all(subjects, now).await
    }

    /// Makes a network wait that has asked too early, and says until when. It costs the writer something only now and
    /// then, however often they ask.
    async fn extend_wait(
        &self,
        key: &str,
        network_block: Option<&Row>,
        account_block: Option<&Row>,
        now: Timestamp,
    ) -> Result<Timestamp, DbErr> {
        let penalty = self.config.account.longest_delay;
        let until = match network_block {
            None => account_block.map_or(now, |row| row.until),
            Some(network_block)
                if network_block.until > now + penalty / 2
                    || network_block.until <= now + EARLY_TOLERANCE =>
            {
                return Ok(network_block.until);
            }
            Some(_) => now + penalty,
        };
        store::block_uncounted(self.database.writer(), key, until).await?;
        Ok(until)
    }

    /// The refusal of a network that waits until then, or longer where something else blocks it.
    async fn refuse_until(
        &self,
        blocks: &[&Row],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Decision, DbErr> {
        let wait = whole_seconds(until, now);
        Ok(match self.refusal(blocks, now).await? {
            Some(Decision::Refused { retry_after, is_new }) => {
                Decision::Refused { retry_after: retry_after.max(wait), is_new }
            }
            _ => Decision::Refused { retry_after: wait, is_new: false },
        })
    }

    /// Takes a try back that was right; the account's failures from there are forgiven. It stays counted as a sign-in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clear_failures(&self, attempt: &RecordedAttempt) -> Result<(), DbErr> {
        let failures =
            attempt.counted.iter().filter(|subject| !matches!(subject, ThrottleKey::AnyAttempt(..)));
        self.refund_where(failures, |subject| matches!(subject, ThrottleKey::AccountAndAddress(..))).await
    }

    /// Takes a try back that did not take place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refund(&self, attempt: &RecordedAttempt) -> Result<(), DbErr> {
        self.refund_where(attempt.counted.iter(), |_| false).await
    }

    /// Remembers, in the transaction of a sign-in or of a change of password, from where the owner of an account acts.
    /// It counts as long as the account has this token version.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remember_address(
        &self,
        transaction: &impl ConnectionTrait,
        (user, token_version): (UserId, i64),
        address: IpAddr,
    ) -> Result<(), DbErr> {
        if !self.config.enabled {
            return Ok(());
        }
        let until = self.clock.now() + self.config.known_for;
        let place = KnownAddress { account: &account_key(user), token_version: Some(token_version), address };
        store::insert_known(transaction, &place.row_key(), until).await
    }

    /// Forgets, in the transaction that makes it needless, how often an account's password was tried, wherever
    /// that was. What an address has tried on any account stays counted: it may be the guesser's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reset(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        let account = account_key(user);
        // In the order in which tries lock them.
        store::delete(transaction, &ThrottleKey::Account(account.clone()).row_key()).await?;
        store::delete(transaction, &ThrottleKey::NewNetworks(account.clone()).row_key()).await?;
        for keys in account_key_ranges(&account) {
            store::delete_range(transaction, keys).await?;
        }
        Ok(())
    }

    /// Takes one try of each subject back; of those that `is_cleared`, all.
    async fn refund_where(
        &self,
        subjects: impl Iterator<Item = &ThrottleKey> + Clone,
        is_cleared: impl Fn(&ThrottleKey) -> bool,
    ) -> Result<(), DbErr> {
        if subjects.clone().next().is_none() {
            return Ok(());
        }
        let transaction = self.database.begin().await?;
        for subject in subjects {
            if is_cleared(subject) {
                store::delete(&transaction, &subject.row_key()).await?;
            } else {
                store::refund(&transaction, &subject.row_key()).await?;
            }
        }
        transaction.commit().await
    }
}
