//! Status lists: signed lists of the revoked access tokens, for services that verify tokens themselves
//! (draft-ietf-oauth-status-list).
//!
//! Each session has an index, which its access tokens contain. A list has one bit for each index of a shard. Services
//! download the shards that tokens name, and reject the tokens whose bit is set.
//!
//! Invariants: the bits are set for the tokens that the [`RevocationList`](crate::changes::RevocationList) has, because
//! both follow the change feed. An index is reused only after all tokens with it have expired. An index is a random
//! number, so that it does not reveal when the session began.

mod assign;
mod invalid;
mod publish;
mod store;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sea_orm::DbErr;
use tokio::{sync::Mutex, time::Instant};

pub use self::{
    assign::Holder,
    publish::{PublishError, SignedList},
};
use self::{invalid::InvalidIndexes, publish::Published};
use crate::{
    changes::ChangeFeed,
    clock::Clock,
    config::Config,
    database::Database,
    tokens::{Keyring, Status, StatusReference},
};

/// The number of indexes of a shard. A shard has 16 KiB before compression.
pub const SHARD_LENGTH: u32 = 1 << 17;

/// The number of indexes of an installation, until it needs more. It is the same for all small installations, so that an
/// index does not reveal how many sessions there were when it was chosen. Unused indexes cost nearly nothing, because
/// zeros compress well.
const INITIAL_CAPACITY: u32 = 1 << 21;

/// The service for status lists.
pub struct StatusLists {
    database: Database,
    clock: Clock,
    feed: Arc<ChangeFeed>,
    keyring: Arc<Keyring>,
    /// The `iss` claim of the lists.
    issuer: String,
    /// The URL of a shard, without its number.
    url: String,
    ttl: Duration,
    invalid: Arc<InvalidIndexes>,
    published: Published,
    /// The number of indexes from which new ones are chosen, as far as this replica knows. A power of two.
    capacity: AtomicU32,
    /// The time at which the capacity was last read from the database.
    capacity_read_at: Mutex<Option<Instant>>,
}

impl StatusLists {
    /// Creates the service, or `None` if the configuration switches it off. It must be created before the change feed is
    /// first read, because it follows the changes from then on.
    #[must_use]
    pub fn new(
        database: &Database,
        feed: &Arc<ChangeFeed>,
        keyring: &Arc<Keyring>,
        config: &Config,
        clock: &Clock,
    ) -> Option<Self> {
        let ttl = config.tokens.status_list_ttl;
        if ttl.is_zero() {
            return None;
        }
        let invalid = Arc::new(InvalidIndexes::default());
        let observer = Arc::clone(&invalid);
        feed.observe(move |change, until| observer.add(change, until));
        Some(Self {
            database: database.clone(),
            clock: clock.clone(),
            feed: Arc::clone(feed),
            keyring: Arc::clone(keyring),
            issuer: config.issuer(),
            url: config.status_list_url(),
            ttl,
            invalid,
            published: Published::default(),
            capacity: AtomicU32::new(INITIAL_CAPACITY),
            capacity_read_at: Mutex::default(),
        })
    }

    /// The time for which a service may keep a list.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Releases the indexes of ended sessions, and deletes those that no unexpired token has. Processes at most `batch`
    /// rows each.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        let now = self.clock.now();
        // If no service requests lists, the revocations must not pile up.
        self.invalid.read_pending(&self.database).await?;
        self.invalid.sweep(now);
        let deleted = store::delete_free(self.database.writer(), now, batch).await?;
        let due = store::find_due(self.database.reader(), now, batch).await?;
        if !due.is_empty() {
            let transaction = self.database.begin_short().await?;
            store::review(&transaction, &due, now).await?;
            transaction.commit().await?;
        }
        Ok(deleted.max(due.len() as u64))
    }

    /// The `status` claim for an index.
    pub(crate) fn status(&self, index: u32) -> Status {
        let (shard, idx) = (index / SHARD_LENGTH, index % SHARD_LENGTH);
        Status { status_list: StatusReference { idx: idx.into(), uri: self.shard_url(shard) } }
    }

    fn shard_url(&self, shard: u32) -> String {
        format!("{}{shard}", self.url)
    }

    fn capacity(&self) -> u32 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Reads from the database whether another replica has extended the capacity.
    async fn read_capacity(&self) -> Result<(), DbErr> {
        let largest = store::largest_index(self.database.reader()).await?;
        self.capacity.fetch_max(capacity_with(largest), Ordering::Relaxed);
        Ok(())
    }
}

/// The capacity of an installation that has assigned this index.
fn capacity_with(largest: Option<u32>) -> u32 {
    let needed = largest.map_or(0, |largest| (largest + 1).next_power_of_two());
    needed.max(INITIAL_CAPACITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capacity_is_the_power_of_two_that_has_the_largest_index() {
        assert_eq!(capacity_with(None), INITIAL_CAPACITY);
        assert_eq!(capacity_with(Some(7)), INITIAL_CAPACITY);
        assert_eq!(capacity_with(Some(INITIAL_CAPACITY - 1)), INITIAL_CAPACITY);
        assert_eq!(capacity_with(Some(INITIAL_CAPACITY)), 2 * INITIAL_CAPACITY);
        assert_eq!(capacity_with(Some(2 * INITIAL_CAPACITY - 1)), 2 * INITIAL_CAPACITY);
    }
}
