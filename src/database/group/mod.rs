//! Group commit on SQLite: transactions that wait for each other share one commit, and so one write to the disk.
//!
//! SQLite has one writer at a time, so transactions take turns on one connection. The first one of a group begins a
//! transaction of the database; each later one is a savepoint in it. When the first one ends, a task queues for a turn
//! to commit the group. All transactions that queued before that task thus become part of the group. A caller learns
//! that its transaction was committed only after the commit of the group.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, watch},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    connect::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT},
    violated_constraint,
};

/// The time for which a transaction waits for its turn.
pub(super) const TURN_TIMEOUT: Duration = ACQUIRE_TIMEOUT.saturating_add(BUSY_TIMEOUT);

/// The connection that writes, and its open group.
#[derive(Clone, Debug)]
pub(super) struct GroupCommit {
    connection: DatabaseConnection,
    group: Arc<Mutex<Option<Group>>>,
    /// The tasks that commit groups. Dropping a caller does not cancel them.
    tasks: TaskTracker,
}

/// The right to use the connection. No other transaction runs until it is dropped.
type Turn = OwnedMutexGuard<Option<Group>>;

/// Transactions that are committed together.
#[derive(Debug)]
struct Group {
    transaction: Arc<DatabaseTransaction>,
    /// Whether the last transaction was dropped before its end, so that its savepoint must be rolled back.
    is_abandoned: bool,
    result: watch::Sender<CommitResult>,
}

/// The result of the commit of a group. `None` before the commit.
type CommitResult = Option<Result<(), DbErr>>;

/// A transaction in a group. If it is dropped, it is rolled back.
#[derive(Debug)]
pub(super) struct Member {
    transaction: Arc<DatabaseTransaction>,
    place: Place,
    result: watch::Receiver<CommitResult>,
    /// `None` after its end.
    turn: Option<Turn>,
    tasks: TaskTracker,
}

/// The place of a transaction in its group.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// It began the group, and other transactions may join it.
    First,
    /// It is the whole group.
    Only,
    /// It joined the group with a savepoint. The commit of the group releases the savepoint.
    Savepoint,
    /// It joined the group with a single statement, which SQLite executes as a whole or not at all.
    Statement,
}

/// The kind of a transaction, which determines how it joins a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Several statements, in a group of their own.
    Alone,
    /// Several statements.
    Shared,
    /// One statement.
    Statement,
}

impl GroupCommit {
    pub(super) fn new(connection: DatabaseConnection) -> Self {
        Self { connection, group: Arc::default(), tasks: TaskTracker::new() }
    }

    /// Begins a transaction when it is its turn.
    pub(super) async fn begin(&self, kind: Kind) -> Result<Member, DbErr> {
        let mut turn = self.turn().await?;
        if let Some(group) = turn.as_mut()
            && (kind == Kind::Alone || group.recover().await.is_err())
        {
            turn = commit(turn, &self.tasks).await?;
        }
        let (group, place) = match turn.as_mut() {
            None => {
                let group = turn.insert(Group::begin(&self.connection).await?);
                (group, if kind == Kind::Alone { Place::Only } else { Place::First })
            }
            Some(group) if kind == Kind::Statement => (group, Place::Statement),
            Some(group) => {
                // The name may be the same for all: a rollback goes back to the newest one.
                group.transaction.execute_unprepared("SAVEPOINT member").await?;
                (group, Place::Savepoint)
            }
        };
        let (transaction, result) = (Arc::clone(&group.transaction), group.result.subscribe());
        Ok(Member { transaction, place, result, turn: Some(turn), tasks: self.tasks.clone() })
    }

    /// Commits the open group, and closes the connection after `last` has used it.
    pub(super) async fn close(
        &self,
        last: impl AsyncFnOnce(&DatabaseConnection) -> Result<(), DbErr>,
    ) -> Result<(), DbErr> {
        let _turn = commit(self.turn().await?, &self.tasks).await?;
        last(&self.connection).await?;
        self.connection.close_by_ref().await
    }

    async fn turn(&self) -> Result<Turn, DbErr> {
        let turn = Arc::clone(&self.group).lock_owned();
        timeout(TURN_TIMEOUT, turn).await.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
    }
}

impl Member {
    /// The connection for the statements of the transaction.
    pub(super) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Ends the transaction, and waits until its group is committed.
    pub(super) async fn commit(mut self) -> Result<(), DbErr> {
        let Some(turn) = self.turn.take() else { return Ok(()) };
        let (place, mut result, tasks) = (self.place, self.result.clone(), self.tasks.clone());
        // Only the group may own the transaction when it is committed.
        drop(self);
        match place {
            Place::Only => drop(commit(turn, &tasks).await?),
            Place::First => {
                let group = Arc::clone(OwnedMutexGuard::mutex(&turn));
                drop(turn);
                tasks.spawn(async move { commit_group(&mut *group.lock_owned().await).await });
            }
            Place::Savepoint | Place::Statement => drop(turn),
        }
        match result.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Ok(())),
            Err(_) => Err(DbErr::Custom("the commit was interrupted".to_owned())),
        }
    }

    /// Ends a transaction of one statement with the result of that statement.
    pub(super) async fn end<T>(mut self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        match result {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                // After some errors, such as a full disk, SQLite has rolled back the whole group.
                if matches!(self.place, Place::Statement)
                    && violated_constraint(&error).is_none()
                    && let Some(turn) = self.turn.take()
                {
                    let tasks = self.tasks.clone();
                    drop(self);
                    drop(commit(turn, &tasks).await);
                }
                Err(error)
            }
        }
    }

    /// Rolls back the transaction.
    pub(super) async fn rollback(mut self) -> Result<(), DbErr> {
        let Some(mut turn) = self.turn.take() else { return Ok(()) };
        let place = self.place;
        drop(self);
        if matches!(place, Place::First | Place::Only) {
            return match turn.take() {
                Some(group) => group.owned_transaction()?.rollback().await,
                None => Ok(()),
            };
        }
        let Some(group) = turn.as_mut() else { return Ok(()) };
        group.is_abandoned = matches!(place, Place::Savepoint);
        group.recover().await
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Some(turn) = self.turn.as_mut() else { return };
        match (self.place, turn.as_mut()) {
            // The transaction of the database is dropped with the group, and so rolled back.
            (Place::First | Place::Only, _) => drop(turn.take()),
            (Place::Savepoint, Some(group)) => group.is_abandoned = true,
            _ => {}
        }
    }
}

impl Group {
    async fn begin(connection: &DatabaseConnection) -> Result<Self, DbErr> {
        let options = TransactionOptions {
            // A deferred transaction that begins with a read could fail when it first writes.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = Arc::new(connection.begin_with_options(options).await?);
        Ok(Self { transaction, is_abandoned: false, result: watch::Sender::new(None) })
    }

    /// Rolls back the abandoned transaction, if there is one. This may be repeated, because the savepoint remains.
    async fn recover(&mut self) -> Result<(), DbErr> {
        if self.is_abandoned {
            self.transaction.execute_unprepared("ROLLBACK TO member").await?;
            self.is_abandoned = false;
        }
        Ok(())
    }

    /// Commits all transactions of the group, or none.
    async fn commit(mut self) {
        let result = self.result.clone();
        let committed = match self.recover().await.and_then(|()| self.owned_transaction()) {
            Ok(transaction) => transaction.commit().await,
            Err(error) => Err(error),
        };
        result.send_replace(Some(committed));
    }

    fn owned_transaction(self) -> Result<DatabaseTransaction, DbErr> {
        let used = || DbErr::Custom("the transaction is still used".to_owned());
        Arc::into_inner(self.transaction).ok_or_else(used)
    }
}

/// Commits the open group, if there is one, in a task of its own: a caller that is dropped cannot cancel the commit of
/// others.
async fn commit(mut turn: Turn, tasks: &TaskTracker) -> Result<Turn, DbErr> {
    let task = tasks.spawn(async move {
        commit_group(&mut turn).await;
        turn
    });
    task.await.map_err(|error| DbErr::Custom(format!("the commit was interrupted: {error}")))
}

async fn commit_group(group: &mut Option<Group>) {
    if let Some(group) = group.take() {
        group.commit().await;
    }
}

#[cfg(test)]
mod tests;
