use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sea_orm::DbErr;

use super::{
    SHARD_LENGTH,
    store::{self, RevokedIndex},
};
use crate::{
    changes::Change,
    clock::Timestamp,
    database::Database,
    id::{SessionId, UserId},
};

/// The indexes of revoked tokens, in memory. The change feed names sessions and accounts; their indexes are read from the
/// database when a list is requested.
#[derive(Default)]
pub(super) struct InvalidIndexes {
    /// The revocations whose indexes were not read yet.
    pending: Mutex<Vec<(Change, Timestamp)>>,
    /// Prevents a request from being answered while another one reads the indexes.
    reading: tokio::sync::Mutex<()>,
    shards: Mutex<HashMap<u32, Shard>>,
}

/// The indexes of one shard.
#[derive(Default)]
struct Shard {
    /// Each index, with the time at which its last token has expired.
    indexes: HashMap<u32, Timestamp>,
    /// Number of the changes.
    revision: u64,
}

impl InvalidIndexes {
    /// Adds a change. It is kept until `until`, when the last token that it revokes has expired.
    pub(super) fn add(&self, change: &Change, until: Timestamp) {
        match change {
            Change::SessionEnded(_) | Change::TokensRevoked { .. } => {
                lock(&self.pending).push((*change, until));
            }
            // A personal access token has no index.
            Change::PersonalAccessTokenRevoked(_) | Change::AccountUpdated(_) | Change::KeysChanged => {}
        }
    }

    /// Reads the indexes of the changes that were added.
    pub(super) async fn read_pending(&self, database: &Database) -> Result<(), DbErr> {
        let _alone = self.reading.lock().await;
        // A copy: if this request is cancelled or the query fails, the next one reads the indexes.
        let pending = lock(&self.pending).clone();
        if pending.is_empty() {
            return Ok(());
        }
        let mut sessions: HashMap<SessionId, Timestamp> = HashMap::new();
        let mut accounts: HashMap<UserId, Vec<(i64, Timestamp)>> = HashMap::new();
        for (change, until) in &pending {
            match *change {
                Change::SessionEnded(session) => drop(sessions.insert(session, *until)),
                Change::TokensRevoked { user, token_version } => {
                    accounts.entry(user).or_default().push((token_version, *until));
                }
                Change::PersonalAccessTokenRevoked(_) | Change::AccountUpdated(_) | Change::KeysChanged => {}
            }
        }
        let mut revoked = Vec::new();
        let ids: Vec<SessionId> = sessions.keys().copied().collect();
        for (session, index) in store::of_sessions(database.reader(), &ids).await? {
            revoked.extend(sessions.get(&session).map(|until| (index, *until)));
        }
        let ids: Vec<UserId> = accounts.keys().copied().collect();
        for (user, version, index) in store::of_accounts(database.reader(), &ids).await? {
            let changes = accounts.get(&user).into_iter().flatten();
            // The first change that revoked the tokens, because later ones do not make them live longer.
            let first =
                changes.filter(|(token_version, _)| version < *token_version).map(|(_, until)| *until).min();
            revoked.extend(first.map(|until| (index, until)));
        }
        self.insert(revoked);
        lock(&self.pending).drain(..pending.len());
        Ok(())
    }

    fn insert(&self, revoked: Vec<(RevokedIndex, Timestamp)>) {
        let mut shards = lock(&self.shards);
        for (RevokedIndex { index, reserved_until }, until) in revoked {
            // A reused index must be valid again.
            let until = reserved_until.map_or(until, |reserved_until| until.min(reserved_until));
            let shard = shards.entry(index / SHARD_LENGTH).or_default();
            let known = shard.indexes.insert(index % SHARD_LENGTH, until);
            // A later time means that the index was reused, and that its new tokens were revoked too.
            shard.revision += u64::from(known.is_none_or(|known| known < until));
        }
    }

    /// The number of changes of a shard.
    pub(super) fn revision(&self, shard: u32) -> u64 {
        lock(&self.shards).get(&shard).map_or(0, |shard| shard.revision)
    }

    /// The indexes in a shard whose tokens may be unexpired, and the number of its changes.
    pub(super) fn of_shard(&self, shard: u32, now: Timestamp) -> (Vec<u32>, u64) {
        let shards = lock(&self.shards);
        let Some(shard) = shards.get(&shard) else { return (Vec::new(), 0) };
        let invalid = shard.indexes.iter().filter(|(_, until)| **until > now);
        (invalid.map(|(index, _)| *index).collect(), shard.revision)
    }

    /// Removes the indexes whose tokens have expired. Only the cleanup does this, because it waits after a jump of the
    /// clock.
    pub(super) fn sweep(&self, now: Timestamp) {
        for shard in lock(&self.shards).values_mut() {
            shard.indexes.retain(|_, until| *until > now);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const HOUR: Duration = Duration::from_hours(1);

    fn invalid(index: u32, reserved_until: Option<Timestamp>) -> InvalidIndexes {
        let invalid = InvalidIndexes::default();
        invalid.insert(vec![(RevokedIndex { index, reserved_until }, NOW + 2 * HOUR)]);
        invalid
    }

    #[test]
    fn a_clock_that_is_ahead_for_a_moment_hides_no_revocation() {
        let invalid = invalid(SHARD_LENGTH + 7, None);
        assert_eq!(invalid.of_shard(1, NOW), (vec![7], 1));
        assert_eq!(invalid.of_shard(1, NOW + 48 * HOUR), (vec![], 1));
        assert_eq!(invalid.of_shard(1, NOW + HOUR), (vec![7], 1));
        invalid.sweep(NOW + 2 * HOUR);
        assert_eq!(invalid.of_shard(1, NOW), (vec![], 1));
    }

    #[test]
    fn an_index_is_valid_again_as_soon_as_it_may_be_reused() {
        let invalid = invalid(7, Some(NOW + HOUR));
        assert_eq!(invalid.of_shard(0, NOW).0, [7]);
        assert!(invalid.of_shard(0, NOW + HOUR).0.is_empty());
    }

    #[test]
    fn a_change_that_is_read_twice_changes_nothing() {
        let invalid = invalid(7, None);
        invalid.insert(vec![(RevokedIndex { index: 7, reserved_until: None }, NOW + 2 * HOUR)]);
        assert_eq!((invalid.revision(0), invalid.revision(1)), (1, 0));
        invalid.insert(vec![(RevokedIndex { index: 7, reserved_until: None }, NOW + 30 * HOUR)]);
        assert_eq!(invalid.revision(0), 2, "the index was reused and revoked again");
    }
}
