use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sea_orm::DbErr;

use super::{
    SHARD_LENGTH,
    store::{self, RevokedIndex},
};
use crate::{changes::Change, clock::Timestamp, database::Database, id::SessionId};

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
            Change::AccountUpdated(_) | Change::KeysChanged => {}
        }
    }

    /// Reads the indexes of the changes that were added.
    pub(super) async fn read_pending(&self, database: &Database, now: Timestamp) -> Result<(), DbErr> {
        let _alone = self.reading.lock().await;
        // A copy: if this request is cancelled or the query fails, the next one reads the indexes.
        let pending = lock(&self.pending).clone();
        if pending.is_empty() {
            return Ok(());
        }
        let mut sessions: HashMap<SessionId, Timestamp> = HashMap::new();
        let mut revoked = Vec::new();
        for (change, until) in pending.iter().filter(|(_, until)| *until > now) {
            match *change {
                Change::SessionEnded(session) => {
                    sessions.insert(session, *until);
                }
                Change::TokensRevoked { user, token_version } => {
                    let found = store::of_account(database.reader(), user, token_version).await?;
                    revoked.extend(found.into_iter().map(|index| (index, *until)));
                }
                Change::AccountUpdated(_) | Change::KeysChanged => {}
            }
        }
        let ids: Vec<SessionId> = sessions.keys().copied().collect();
        for (session, index) in store::of_sessions(database.reader(), &ids).await? {
            revoked.extend(sessions.get(&session).map(|until| (index, *until)));
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
            shard.revision += u64::from(known.is_none());
        }
    }

    /// The number of changes of a shard.
    pub(super) fn revision(&self, shard: u32) -> u64 {
        lock(&self.shards).get(&shard).map_or(0, |shard| shard.revision)
    }

    /// The indexes in a shard whose tokens may be unexpired, and the number of its changes. Forgets the others.
    pub(super) fn of_shard(&self, shard: u32, now: Timestamp) -> (Vec<u32>, u64) {
        let mut shards = lock(&self.shards);
        let Some(shard) = shards.get_mut(&shard) else { return (Vec::new(), 0) };
        shard.indexes.retain(|_, until| *until > now);
        (shard.indexes.keys().copied().collect(), shard.revision)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
