use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    prelude::async_trait,
};

use super::{group::Member, violated_constraint};

/// A transaction that writes. It implements SeaORM's [`ConnectionTrait`]. If it is dropped before it is committed, it is
/// rolled back.
#[derive(Debug)]
pub struct Transaction {
    connection: Connection,
    /// Whether a statement failed, so that the transaction must not be committed. PostgreSQL has aborted it then, and
    /// SQLite may have.
    has_failed: AtomicBool,
}

#[derive(Debug)]
enum Connection {
    Postgres(DatabaseTransaction),
    Sqlite(Member),
}

impl Transaction {
    pub(super) fn postgres(transaction: DatabaseTransaction) -> Self {
        Self { connection: Connection::Postgres(transaction), has_failed: AtomicBool::new(false) }
    }

    pub(super) fn sqlite(member: Member) -> Self {
        Self { connection: Connection::Sqlite(member), has_failed: AtomicBool::new(false) }
    }

    /// The transaction as a type of SeaORM.
    #[must_use]
    pub fn as_sea_orm(&self) -> &DatabaseTransaction {
        match &self.connection {
            Connection::Postgres(transaction) => transaction,
            Connection::Sqlite(member) => member.connection(),
        }
    }

    /// Commits the transaction. All its changes are durable when this returns.
    ///
    /// # Errors
    /// If the database fails, now or at an earlier statement. Then nothing was changed.
    pub async fn commit(self) -> Result<(), DbErr> {
        if self.has_failed.load(Ordering::Relaxed) {
            self.rollback().await?;
            return Err(DbErr::Custom("a statement of the transaction failed".to_owned()));
        }
        match self.connection {
            Connection::Postgres(transaction) => transaction.commit().await,
            Connection::Sqlite(member) => member.commit().await,
        }
    }

    /// Rolls back the transaction.
    ///
    /// # Errors
    /// If the database fails. The transaction is rolled back nevertheless.
    pub async fn rollback(self) -> Result<(), DbErr> {
        match self.connection {
            Connection::Postgres(transaction) => transaction.rollback().await,
            Connection::Sqlite(member) => member.rollback().await,
        }
    }

    /// Remembers a failure.
    fn check<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.as_ref().is_err_and(|error| violated_constraint(error).is_none()) {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// Makes other transactions that lock the same name wait until this one ends. On SQLite, where only one transaction at a
/// time can write, there is nothing to do.
///
/// # Errors
/// If a database query fails.
pub(crate) async fn lock_name(transaction: &impl ConnectionTrait, name: &str) -> Result<(), DbErr> {
    let backend = transaction.get_database_backend();
    if backend == DbBackend::Postgres {
        // Locks with two keys are independent of those with one. Names with equal hashes only wait for each other.
        let sql = "SELECT pg_advisory_xact_lock(7237123, hashtext($1))";
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, [name.into()])).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.as_sea_orm().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.check(self.as_sea_orm().execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.check(self.as_sea_orm().execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.check(self.as_sea_orm().query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.check(self.as_sea_orm().query_all_raw(statement).await)
    }
}
