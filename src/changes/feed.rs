use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use sea_orm::{DatabaseTransaction, DbErr};
use tokio::sync::Notify;

use super::{
    Change, RevocationList,
    store::{self, ChangeRow},
};
use crate::{
    clock::{Clock, Timestamp},
    database::{Database, Snapshot},
};

/// How long the feed may be unreadable before this replica says that it is not ready.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Is called with every change.
type Observer = Box<dyn Fn(&Change) + Send + Sync>;

/// Reads and writes the change feed.
pub struct ChangeFeed {
    database: Database,
    clock: Clock,
    revocations: Arc<RevocationList>,
    observers: RwLock<Vec<Observer>>,
    changed: Notify,
    tail: Mutex<TailState>,
    /// Two readers at once would only read the same rows.
    reading: tokio::sync::Mutex<()>,
}

/// The position up to which the feed has been read.
#[derive(Default)]
struct TailState {
    /// The snapshot of PostgreSQL just before the last reading. Rows do not commit there in the order of their ids, so the
    /// next reading asks for all that began later or was still open.
    watermark: Option<Snapshot>,
    /// The newest id, by which SQLite is read: it has one writer, so rows commit in the order of their ids.
    newest_id: i64,
    read_at: Option<Instant>,
}

impl ChangeFeed {
    /// A feed that has read nothing yet: see [`ChangeFeed::catch_up`].
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

    /// Calls `observer` with every change from now on, whichever replica made it. It must be quick.
    pub fn observe(&self, observer: impl Fn(&Change) + Send + Sync + 'static) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(observer));
    }

    /// Waits until there may be something new in the database: something that this replica wrote, or changes that
    /// another did. For one who waits; what was told while nobody did is kept.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Commits a transaction with the changes that it makes, and lets them take effect on this replica
    /// without waiting for the feed. Only changes are told to other replicas, for PostgreSQL lets the
    /// transactions that tell something commit one after the other.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn commit(&self, transaction: DatabaseTransaction, changes: &[Change]) -> Result<(), DbErr> {
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

    /// Reads what is new and applies it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        let _alone = self.reading.lock().await;
        let started = Instant::now();
        // Before the rows are read. What is committed in between is read again next time, and to apply a change twice
        // does nothing.
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

    /// The rows that no reading has seen. All of them at the first.
    async fn read_after(&self, snapshot: Option<&Snapshot>) -> Result<Vec<ChangeRow>, DbErr> {
        let (watermark, newest_id) = {
            let tail = self.tail();
            (tail.watermark.clone(), tail.newest_id)
        };
        match (snapshot, watermark) {
            (None, _) => store::after_id(self.database.reader(), newest_id).await,
            // No transaction has begun or ended.
            (Some(now), Some(watermark)) if *now == watermark => Ok(Vec::new()),
            (Some(_), watermark) => {
                store::after_snapshot(self.database.reader(), &watermark.unwrap_or_default()).await
            }
        }
    }

    /// Takes the changes in that another PostgreSQL cluster has written, from which the data were brought here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reset_foreign_positions(&self) -> Result<(), DbErr> {
        if self.database.snapshot().await?.is_some() {
            store::reset_foreign_positions(self.database.writer()).await?;
        }
        Ok(())
    }

    /// Whether the feed was read lately, so that no revocation is unknown here.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.tail().read_at.is_some_and(|read_at| read_at.elapsed() < STALE_AFTER)
    }

    /// Forgets what no living token needs, at most `batch` rows of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self, batch: u64) -> Result<u64, DbErr> {
        let now = self.clock.now();
        self.revocations.sweep(now);
        store::delete_until(self.database.writer(), now, batch).await
    }

    fn apply(&self, change: &Change, until: Timestamp) {
        self.revocations.apply(change, until);
        for observer in self.observers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(change);
        }
    }

    fn tail(&self) -> MutexGuard<'_, TailState> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TailState {
    /// Notes a reading.
    fn advance(&mut self, started: Instant, snapshot: Option<Snapshot>, newest_id: Option<i64>) {
        self.watermark = snapshot;
        self.newest_id = self.newest_id.max(newest_id.unwrap_or_default());
        self.read_at = Some(started);
    }
}
