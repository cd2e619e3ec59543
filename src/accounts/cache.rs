use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::DbErr;

use super::Account;
use crate::id::UserId;

/// The maximum number of cached accounts.
const REMEMBERED: u64 = 10_000;

/// The maximum age of a cached account. A change invalidates it at once; this limits how long a lost race
/// could keep an old version.
const LIFETIME: Duration = Duration::from_secs(30);

/// A cache of accounts.
#[derive(Clone)]
pub(super) struct Cache {
    accounts: moka::sync::Cache<UserId, Arc<Account>>,
    /// The number of changes so far. An account that was read before a change is not cached after it.
    changes: Arc<AtomicU64>,
}

impl Cache {
    pub(super) fn new() -> Self {
        let accounts = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(LIFETIME).build();
        Self { accounts, changes: Arc::default() }
    }

    pub(super) async fn get_or_read<R>(
        &self,
        id: UserId,
        read: impl FnOnce() -> R,
    ) -> Result<Option<Arc<Account>>, DbErr>
    where
        R: Future<Output = Result<Option<Account>, DbErr>>,
    {
        if let Some(account) = self.accounts.get(&id) {
            return Ok(Some(account));
        }
        let before = self.changes.load(Ordering::Acquire);
        // On the heap, because the future of each field that finds an account would be as large as that of the query.
        let Some(account) = Box::pin(read()).await?.map(Arc::new) else { return Ok(None) };
        let is_unchanged = || self.changes.load(Ordering::Acquire) == before;
        if is_unchanged() {
            self.accounts.insert(id, Arc::clone(&account));
            if !is_unchanged() {
                self.accounts.invalidate(&id);
            }
        }
        Ok(Some(account))
    }

    pub(super) fn invalidate(&self, id: UserId) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.accounts.invalidate(&id);
    }
}
