//! Connections, and what differs between SQLite and PostgreSQL.
//!
//! Readers never wait for the writer. Whoever writes takes a transaction from [`Database::begin`], or
//! [`Database::writer`] for a single statement. Nothing else in the program knows which database it is.

mod close;
mod connect;
mod fault;
mod history;
mod listen;
mod migrate;
mod order;
mod page;
mod postgres;
mod server;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

pub(crate) use self::page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
pub use self::{
    connect::ConnectError,
    fault::{broken_constraint, is_unavailable, reason},
    listen::Listener,
    migrate::Migrations,
    order::Snapshot,
    page::{Direction, PageRequest},
    server::Server,
};

/// The longest that a statement may take, and that a transaction may pause between two, in seconds.
/// PostgreSQL sees to it, so that a request that hangs holds its locks no longer.
pub const LONGEST_STATEMENT_SECONDS: u64 = 10;

/// A handle on the database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Database {
    /// For single statements that write.
    #[must_use]
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// For statements that only read.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that writes. On SQLite it is the only one until it ends.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            // A transaction that starts by reading could not turn into a writing one.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(options).await
    }

    /// Begins a transaction that no other one of this kind, on any replica, runs beside.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_exclusive(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        if self.backend() == DbBackend::Postgres {
            // What is exclusive may take its time: a migration, or waiting for another replica's.
            transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            transaction.execute_unprepared("SELECT pg_advisory_xact_lock(7237123)").await?;
        }
        Ok(transaction)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }
}
