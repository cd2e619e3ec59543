use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use sea_orm::DbErr;
use tokio::sync::Notify;

use super::{
    Change, RevocationList,
    store::{self, ChangeRow},
};
use crate::{
    clock::{Clock, Timestamp},
    database::{Database, Snapshot, Transaction},
};

/// The time without a successful read after which this replica reports that it is not ready.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// A function that is called with every change, and the time until which it is kept.
type Observer = Box<dyn Fn(&Change, Timestamp) + Send + Sync>;

/// Reads and writes the change feed.
pub struct ChangeFeed {
    database: Database,
    clock: Clock,
    revocations: Arc<RevocationList>,
    observers: RwLock<Vec<Observer>>,
    changed: Notify,
    tail: Mutex<TailState>,
    /// Prevents concurrent reads, which would read the same rows twice.
    reading: tokio::sync::Mutex<()>,
}

/// The position up to which the feed has been read.
#[derive(Default)]
struct TailState {
    /// On PostgreSQL, the snapshot just before the last read. Rows do not commit in the order of their ids there, so the
    /// next read selects the rows of all transactions that began later or were still in progress.
    watermark: Option<Snapshot>,
    /// On SQLite, the newest id that was read. SQLite has one writer, so rows commit in the order of their ids.
    newest_id: i64,
    read_at: Option<Instant>,
}

impl ChangeFeed {
    /// Creates a feed that has read nothing yet. See [`ChangeFeed::catch_up`].
    #[must_use]
    pub fn new(database: Database, revocations: Arc<RevocationList>, clock: Clock) -> Self {
        Self {
            database,
            clock,
            revocations,
            observers: RwLock::default(),
            changed: Notify::new(),
            tail: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Calls `observer` with every change from now on, from every replica, and with the time at which the last token that
    /// it revokes has expired. It must return quickly, because it delays the feed.
    pub fn observe(&self, observer: impl Fn(&Change, Timestamp) + Send + Sync + 'static) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(observer));
    }

    /// Waits until this replica has committed a transaction, or another replica has committed changes. Supports one waiter.
    /// A notification that is sent while nobody waits is delivered to the next call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Commits a transaction with its changes, and applies them on this replica without waiting for the feed. Other
    /// replicas are notified only if there are changes, because PostgreSQL serializes the commits of transactions that
    /// send a notification (NOTIFY).
    ///
    /// # Errors
    /// If the database fails. Then nothing was changed.
    pub async fn commit(&self, transaction: Transaction, changes: &[Change]) -> Result<(), DbErr> {
        let now = self.clock.now();
        if !changes.is_empty() {
            Database::notify(&transaction).await?;
            store::insert(&transaction, changes, now).await?;
        }
        transaction.commit().await?;
        for change in changes {
            self.apply(change, store::kept_until(change, now));
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Reads the new changes and applies them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        let _alone = self.reading.lock().await;
        let started = Instant::now();
        // Before the rows are read, so that none is missed. A row that is committed in between is read again next time,
        // which has no effect.
        let snapshot = self.database.snapshot().await?;
        let rows = self.read_after(snapshot.as_ref()).await?;
        for row in &rows {
            if let Some(change) = &row.change {
                self.apply(change, row.until);
            }
        }
        self.tail().advance(started, snapshot, rows.last().map(|row| row.id));
        if !rows.is_empty() {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// The rows that were not read before. The first call returns all rows.
    async fn read_after(&self, snapshot: Option<&Snapshot>) -> Result<Vec<ChangeRow>, DbErr> {
        let (watermark, newest_id) = {
            let tail = self.tail();
            (tail.watermark.clone(), tail.newest_id)
        };
        match (snapshot, watermark) {
            (None, _) => store::after_id(self.database.reader(), newest_id).await,
            // No transaction has begun or ended since the last read.
            (Some(now), Some(watermark)) if *now == watermark => Ok(Vec::new()),
            (Some(_), watermark) => {
                store::after_snapshot(self.database.reader(), &watermark.unwrap_or_default()).await
            }
        }
    }

    /// Resets the positions of changes that were written by another PostgreSQL cluster, from which the data were copied.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reset_foreign_positions(&self) -> Result<(), DbErr> {
        if self.database.snapshot().await?.is_some() {
            store::reset_foreign_positions(self.database.writer()).await?;
        }
        Ok(())
    }

    /// Whether the feed was read recently, so that this replica knows every revocation.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.tail().read_at.is_some_and(|read_at| read_at.elapsed() < STALE_AFTER)
    }

    /// Deletes the changes that no unexpired token needs, at most `batch` rows.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        let now = self.clock.now();
        self.revocations.sweep(now);
        store::delete_until(self.database.writer(), now, batch).await
    }

    fn apply(&self, change: &Change, until: Timestamp) {
        self.revocations.apply(change, until);
        for observer in self.observers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(change, until);
        }
    }

    fn tail(&self) -> MutexGuard<'_, TailState> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TailState {
    /// Moves the watermark after a read.
    fn advance(&mut self, started: Instant, snapshot: Option<Snapshot>, newest_id: Option<i64>) {
        self.watermark = snapshot;
        self.newest_id = self.newest_id.max(newest_id.unwrap_or_default());
        self.read_at = Some(started);
    }
}
