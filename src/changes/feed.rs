use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use sea_orm::{DatabaseTransaction, DbErr};
use tokio::sync::Notify;

use super::{Change, Revocations, store};
use crate::{
    clock::{Clock, Timestamp},
    database::{Database, LONGEST_STATEMENT_SECONDS},
};

/// How far back the tail is read again, for rows do not commit in the order of their ids. From its id to
/// its commit a row lies in a statement, a pause and a COMMIT, each of which the database bounds.
const OVERLAP: Duration = Duration::from_secs(3 * LONGEST_STATEMENT_SECONDS + 2);

/// How long the feed may be unreadable before this replica says that it is not ready.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Is called with every change.
type Observer = Box<dyn Fn(&Change) + Send + Sync>;

/// Reads and writes the change feed.
pub struct Feed {
    database: Database,
    clock: Clock,
    revocations: Arc<Revocations>,
    observers: RwLock<Vec<Observer>>,
    news: Notify,
    tail: Mutex<Tail>,
    /// Two readers at once would only read the same rows.
    reading: tokio::sync::Mutex<()>,
}

struct Tail {
    /// The newest id at the end of each reading, and when that was.
    marks: VecDeque<(Instant, i64)>,
    /// Ids behind the newest mark that were applied already.
    applied: BTreeSet<i64>,
    read_at: Option<Instant>,
}

impl Feed {
    /// A feed that has read nothing yet: see [`Feed::catch_up`].
    #[must_use]
    pub fn new(database: Database, revocations: Arc<Revocations>, clock: Clock) -> Self {
        let tail = Tail { marks: VecDeque::new(), applied: BTreeSet::new(), read_at: None };
        Self {
            database,
            clock,
            revocations,
            observers: RwLock::default(),
            news: Notify::new(),
            tail: Mutex::new(tail),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Calls `observer` with every change from now on, whichever replica made it. It must be quick.
    pub fn observe(&self, observer: impl Fn(&Change) + Send + Sync + 'static) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(observer));
    }

    /// Waits until there may be something new in the database: something that this replica wrote, or changes that
    /// another did. For one who waits; what was told while nobody did is kept.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Commits a transaction with the changes that it makes, and lets them take effect on this replica
    /// without waiting for the feed. They are written last, so that little time passes between an id and
    /// its row's being seen: see `OVERLAP`. Only changes are told to other replicas, for PostgreSQL lets the
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
        self.news.notify_one();
        Ok(())
    }

    /// Reads what is new and applies it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        let _alone = self.reading.lock().await;
        let started = Instant::now();
        let behind = self.tail().marks.front().map_or(0, |(_, id)| *id);
        let rows = store::after(self.database.reader(), behind).await?;
        let newest = rows.last().map_or(behind, |row| row.id);
        for row in rows {
            if self.tail().applied.insert(row.id) {
                self.apply(&row.change, row.until);
            }
        }
        self.tail().advance(started, newest);
        self.news.notify_one();
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

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Notes a reading, and forgets marks that lie further back than any open transaction.
    fn advance(&mut self, started: Instant, newest: i64) {
        let newest = self.marks.back().map_or(newest, |(_, id)| newest.max(*id));
        if self.marks.is_empty() {
            // What was open before this replica started may still commit with any id.
            self.marks.push_back((started, 0));
        }
        self.marks.push_back((started, newest));
        while self.marks.get(1).is_some_and(|(at, _)| started.duration_since(*at) > OVERLAP) {
            self.marks.pop_front();
        }
        let behind = self.marks.front().map_or(0, |(_, id)| *id);
        self.applied = self.applied.split_off(&(behind + 1));
        self.read_at = Some(started);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_commit_late_lie_before_the_mark_until_no_transaction_can_be_open() {
        let mut tail = Tail { marks: VecDeque::new(), applied: [1, 2, 9].into(), read_at: None };
        let first = Instant::now();
        tail.advance(first, 9);
        assert_eq!(tail.marks.front(), Some(&(first, 0)), "the next reading reads all again");
        let later = first + OVERLAP * 2;
        tail.advance(later, 12);
        assert_eq!(tail.marks.front(), Some(&(first, 9)), "ids to 9 are settled by now");
        assert!(tail.applied.is_empty());
        tail.advance(later + OVERLAP / 2, 15);
        assert_eq!(tail.marks.front(), Some(&(first, 9)), "ids from 10 on may still have gaps");
    }
}
