//! Limits on password attempts.
//!
//! Failures count for the account, from whichever address they come. While the account is blocked, its user competes
//! with attackers for the next attempt, unless the user is at a known address. Two rules keep an attacker from winning
//! that race each time:
//!
//! - A network without recent attempts on this account may make its first attempt at once. First attempts have a
//!   backoff of their own, so that an attacker with many networks does not get many guesses.
//! - A client that retries before its `retryAfter` is blocked for longer, and so misses the next attempt.

use std::{net::IpAddr, time::Duration};

use sea_orm::{ConnectionTrait, DbErr};

use super::{
    Decision, RecordedAttempt, Throttle,
    store::{self, Row},
    subject::{KnownAddress, ThrottleKey, account_key, account_key_ranges, is_ipv6, wait_key},
    whole_seconds,
};
use crate::{clock::Timestamp, id::UserId};

/// The time by which a client may retry too early without a penalty, because the clocks of replicas differ a little.
const EARLY_TOLERANCE: Duration = Duration::from_millis(500);

/// The account of a password attempt.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The throttle's name for the account. The account need not exist.
    pub account: &'a str,
    /// The token version of the account. `None` if the account does not exist.
    pub token_version: Option<i64>,
}

/// The stored counts for an attempt from an unknown address.
struct StoredCounts {
    rows: Vec<Row>,
    now: Timestamp,
}

impl StoredCounts {
    fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject == key)
    }

    /// The row of a key, if the key is blocked.
    fn block(&self, key: &str) -> Option<&Row> {
        self.row(key).filter(|row| row.until > self.now)
    }

    /// Whether the key has no recent attempt.
    fn is_new(&self, key: &str) -> bool {
        self.row(key).is_none_or(|row| row.tries == 0 || row.forget_at <= self.now)
    }
}

impl Throttle {
    /// Decides whether a client may try a password from `address`, and counts the attempt. At a known address, attempts
    /// from elsewhere do not matter. A change of the password or the roles makes all addresses unknown again.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_password(&self, target: Target<'_>, address: IpAddr) -> Result<Decision, DbErr> {
        if !self.config.enabled {
            return Ok(Decision::Allowed(RecordedAttempt { counted: Vec::new() }));
        }
        let name = target.account.to_owned();
        // Always in this order: two transactions that lock rows in different orders could deadlock.
        let mut own_keys = vec![
            ThrottleKey::Address(address),
            ThrottleKey::AccountAndAddress(name.clone(), address),
            ThrottleKey::AnyAttempt(name, address),
        ];
        let known =
            KnownAddress { account: target.account, token_version: target.token_version, address }.row_key();
        if store::exists(self.database.reader(), &known, self.clock.now()).await? {
            return self.count_attempt(own_keys).await;
        }
        if is_ipv6(address) {
            own_keys.push(ThrottleKey::AddressBlock(address));
        }
        self.try_from_new_network(target.account, address, own_keys).await
    }

    /// Decides whether a client may try a passkey from `address`, and counts the attempt together with failed sign-ins by
    /// password. Nobody can guess a passkey: this limits the number of events in the audit log.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn try_passkey(&self, address: IpAddr) -> Result<Decision, DbErr> {
        let mut keys = vec![ThrottleKey::Address(address)];
        if is_ipv6(address) {
            keys.push(ThrottleKey::AddressBlock(address));
        }
        self.count_attempt(keys).await
    }

    async fn try_from_new_network(
        &self,
        account: &str,
        address: IpAddr,
        own_keys: Vec<ThrottleKey>,
    ) -> Result<Decision, DbErr> {
        let now = self.clock.now();
        let name = || account.to_owned();
        let (all_networks, new_networks) = (ThrottleKey::Account(name()), ThrottleKey::NewNetworks(name()));
        let (later, first) =
            (ThrottleKey::LaterAttempt(name(), address), ThrottleKey::FirstAttempt(name(), address));
        let wait_key = wait_key(account, address);
        let mut row_keys =
            vec![all_networks.row_key(), new_networks.row_key(), first.row_key(), wait_key.clone()];
        row_keys.extend(own_keys.iter().map(ThrottleKey::row_key));
        let rows = store::find(self.database.reader(), &row_keys).await?;
        let counts = StoredCounts { rows, now };

        let account_block = counts.block(&all_networks.row_key());
        let is_first = counts.is_new(&first.row_key()) && counts.block(&new_networks.row_key()).is_none();
        let mut blocks: Vec<&Row> = own_keys.iter().filter_map(|key| counts.block(&key.row_key())).collect();
        let network_block = counts.block(&wait_key);
        if network_block.is_some() || (account_block.is_some() && !is_first) {
            blocks.extend(account_block);
            let until = self.extend_wait(&wait_key, network_block, account_block, now).await?;
            return self.refuse_until(&blocks, until, now).await;
        }
        if let Some(refused) = self.refusal(&blocks, now).await? {
            return Ok(refused);
        }
        let mut keys =
            if account_block.is_some() { vec![new_networks, first] } else { vec![all_networks, later] };
        keys.extend(own_keys);
        self.count_all(keys, now).await
    }

    /// Blocks a network that has retried too early, and returns the end of its block. A block with more than half of the
    /// penalty left is not extended, so that a flood of requests causes few writes.
    async fn extend_wait(
        &self,
        key: &str,
        network_block: Option<&Row>,
        account_block: Option<&Row>,
        now: Timestamp,
    ) -> Result<Timestamp, DbErr> {
        let penalty = self.config.account.max_delay;
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

    /// The refusal of a network that is blocked until `until`, or for longer if one of `blocks` lasts longer.
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

    /// Refunds an attempt with the correct password, and clears the account's failures from that address. The attempt
    /// still counts as a sign-in.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn clear_failures(
        &self,
        transaction: &impl ConnectionTrait,
        attempt: &RecordedAttempt,
    ) -> Result<(), DbErr> {
        for key in &attempt.counted {
            match key {
                ThrottleKey::AnyAttempt(..) => {}
                ThrottleKey::AccountAndAddress(..) => store::delete(transaction, &key.row_key()).await?,
                key => store::refund(transaction, &key.row_key()).await?,
            }
        }
        Ok(())
    }

    /// Refunds an attempt whose password was not checked.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn refund(&self, attempt: &RecordedAttempt) -> Result<(), DbErr> {
        let transaction = self.database.begin_short().await?;
        for key in &attempt.counted {
            store::refund(&transaction, &key.row_key()).await?;
        }
        transaction.commit().await
    }

    /// Remembers the address of a user, in the transaction of a sign-in or of a password change. The address is known
    /// while the account has this token version.
    ///
    /// # Errors
    /// If the database fails.
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
        let known = KnownAddress { account: &account_key(user), token_version: Some(token_version), address };
        store::insert_known(transaction, &known.row_key(), until).await
    }

    /// Whether the user of an account has signed in from this address, and the account has had this token version since.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_known_address(
        &self,
        transaction: &impl ConnectionTrait,
        (user, token_version): (UserId, i64),
        address: IpAddr,
    ) -> Result<bool, DbErr> {
        let known = KnownAddress { account: &account_key(user), token_version: Some(token_version), address };
        store::exists(transaction, &known.row_key(), self.clock.now()).await
    }

    /// Deletes the attempts on an account, in the transaction that sets its password or enables it. The attempts of an
    /// address on all accounts stay counted, because the address may be an attacker's.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reset(&self, transaction: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
        let account = account_key(user);
        // In the order in which attempts lock the rows.
        store::delete(transaction, &ThrottleKey::Account(account.clone()).row_key()).await?;
        store::delete(transaction, &ThrottleKey::NewNetworks(account.clone()).row_key()).await?;
        for range in account_key_ranges(&account) {
            store::delete_range(transaction, range).await?;
        }
        Ok(())
    }
}
