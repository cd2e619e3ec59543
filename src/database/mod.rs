//! Database connections, and the differences between SQLite and PostgreSQL.
//!
//! Readers never wait for the writer. Code that writes begins a transaction with [`Database::begin`] or
//! [`Database::begin_short`], or uses [`Database::writer`] for a single statement. Other folders do not depend on the
//! kind of database.

mod application;
mod close;
mod connect;
mod error;
mod group;
mod history;
mod listen;
mod migrate;
mod page;
mod postgres;
mod snapshot;
mod transaction;
mod version;
mod writer;

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use self::group::Kind;
#[doc(hidden)]
pub use self::{
    application::ApplicationMigrations,
    connect::ConnectError,
    error::{is_unavailable, reason, violated_constraint},
    listen::Listener,
    migrate::Migrations,
    page::{Direction, PageRequest},
    snapshot::Snapshot,
    version::DatabaseVersion,
};
pub(crate) use self::{
    page::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE},
    transaction::lock_name,
};
pub use self::{transaction::Transaction, writer::Writer};

/// The maximum time of a statement, and the maximum time that a transaction may be idle between two statements.
/// PostgreSQL enforces both, so that a request that hangs releases its locks.
#[doc(hidden)]
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle to the database. Clones share its connections.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{Portcullis, testing::TestServer};
/// use sea_orm::ConnectionTrait;
///
/// let server = TestServer::start(Portcullis::builder()).await;
/// let database = server.portcullis().database();
/// database.writer().execute_unprepared("CREATE TABLE shop_pets (name TEXT NOT NULL)").await?;
///
/// let transaction = database.begin().await?;
/// transaction.execute_unprepared("INSERT INTO shop_pets VALUES ('Rex')").await?;
/// transaction.commit().await?;
///
/// let deleted = database.writer().execute_unprepared("DELETE FROM shop_pets").await?;
/// assert_eq!(deleted.rows_affected(), 1);
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Database(Arc<Connections>);

#[derive(Debug)]
struct Connections {
    writer: Writer,
    reader: DatabaseConnection,
    application: ApplicationMigrations,
}

impl Database {
    /// The connection for single statements that write.
    #[must_use]
    pub fn writer(&self) -> &Writer {
        &self.0.writer
    }

    /// The connections for statements that only read.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.0.reader
    }

    /// Begins a transaction that writes. On SQLite, other writers wait until it ends.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        self.0.writer.begin(Kind::Alone).await
    }

    /// Begins a transaction that writes and waits for nothing but the database. On SQLite, such transactions share a
    /// commit while they wait for each other, so that they also share the write to the disk.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin_short(&self) -> Result<Transaction, DbErr> {
        self.0.writer.begin(Kind::Shared).await
    }

    /// Begins a transaction that excludes all other transactions of this kind, on all replicas.
    ///
    /// # Errors
    /// The database is unavailable.
    #[doc(hidden)]
    pub async fn begin_exclusive(&self) -> Result<Transaction, DbErr> {
        let transaction = self.begin().await?;
        if self.backend() == DbBackend::Postgres {
            // A migration may take longer than the timeout, and so may waiting for the migration of another replica.
            transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            transaction.execute_unprepared("SELECT pg_advisory_xact_lock(7237123)").await?;
        }
        Ok(transaction)
    }

    /// Checks that the database is available.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.0.reader.ping().await
    }

    fn backend(&self) -> DbBackend {
        self.0.writer.get_database_backend()
    }
}
