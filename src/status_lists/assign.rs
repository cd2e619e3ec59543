use std::sync::atomic::Ordering;

use aws_lc_rs::rand;
use sea_orm::{ConnectionTrait, DbErr};

use super::{StatusLists, store};
use crate::{
    clock::Timestamp,
    id::{SessionId, UserId},
    tokens::Status,
};

/// The number of indexes of which one is chosen if a first one is taken. All of them are taken only if about nine tenths
/// of the capacity are.
const CANDIDATES: usize = 64;

/// The largest capacity. It is never reached, because sessions end.
const MAX_CAPACITY: u32 = 1 << 30;

/// The number of attempts to find an index. Each but the first doubles the capacity or lost a race.
const MAX_ATTEMPTS: usize = 16;

/// The access tokens that share an index: those of a session with one token version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The session.
    pub session: SessionId,
    /// Its account.
    pub user: UserId,
    /// The account's token version.
    pub token_version: i64,
}

impl StatusLists {
    /// The status of tokens that already have an index. `None` if they have none, because the session was opened by an
    /// earlier release, or a change of the account has revoked the earlier tokens of the session.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn find(&self, holder: &Holder) -> Result<Option<Status>, DbErr> {
        let index = store::find(self.database.reader(), holder).await?;
        Ok(index.map(|index| self.status(index)))
    }

    /// Assigns an index to a new session, in the transaction that opens it.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn assign(
        &self,
        transaction: &impl ConnectionTrait,
        holder: &Holder,
        expires_at: Timestamp,
    ) -> Result<Status, DbErr> {
        for _ in 0..MAX_ATTEMPTS {
            let first = self.random_index()?;
            if store::insert(transaction, holder, first, expires_at).await? {
                return Ok(self.status(first));
            }
            let mut candidates = Vec::with_capacity(CANDIDATES);
            for _ in 0..CANDIDATES {
                candidates.push(self.random_index()?);
            }
            let taken = store::taken(transaction, &candidates).await?;
            match candidates.iter().find(|candidate| !taken.contains(candidate)) {
                // Another transaction may take it first; then the next attempt chooses others.
                Some(free) => {
                    if store::insert(transaction, holder, *free, expires_at).await? {
                        return Ok(self.status(*free));
                    }
                }
                None => self.extend_capacity(transaction).await?,
            }
        }
        Err(DbErr::Custom("no index of the status lists is free".to_owned()))
    }

    /// Assigns an index to an open session whose tokens have none. The caller has locked the account and the session, so
    /// that a revocation either finds the index or happens before.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn reassign(
        &self,
        transaction: &impl ConnectionTrait,
        holder: &Holder,
        expires_at: Timestamp,
    ) -> Result<Status, DbErr> {
        // The index was released by a cleanup whose clock is ahead.
        if let Some(index) = store::reclaim(transaction, holder, expires_at).await? {
            return Ok(self.status(index));
        }
        store::release_earlier(transaction, holder, self.clock.now()).await?;
        self.assign(transaction, holder, expires_at).await
    }

    /// Doubles the capacity, unless another replica has done so.
    async fn extend_capacity(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        let before = self.capacity();
        let known = super::capacity_with(store::largest_index(db).await?);
        let capacity = if known > before { known } else { before.saturating_mul(2).min(MAX_CAPACITY) };
        if self.capacity.fetch_max(capacity, Ordering::Relaxed) < capacity {
            tracing::info!(capacity, "the capacity of the status lists was extended");
        }
        Ok(())
    }

    /// An index that is chosen uniformly from the capacity, which is a power of two.
    fn random_index(&self) -> Result<u32, DbErr> {
        let mut bytes = [0; 4];
        rand::fill(&mut bytes)
            .map_err(|_| DbErr::Custom("the system provides no random bytes".to_owned()))?;
        Ok(u32::from_le_bytes(bytes) % self.capacity())
    }
}
