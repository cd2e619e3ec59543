use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use log::LevelFilter;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::{ApplicationMigrations, Connections, Database, Writer, group::TURN_TIMEOUT, postgres, reason};
use crate::{
    config::{Config, DatabaseUrl, InvalidValue},
    secret::make_private_folder,
};

/// The time that a request waits for a connection before the database counts as unavailable.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The time that a writer waits for another process to end its transaction.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The log level of statements. They are logged without their values. A statement that takes longer than a second is
/// logged as a warning.
pub(super) const STATEMENT_LOG_LEVEL: LevelFilter = LevelFilter::Trace;

/// The reason why a connection to the database failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of the database, or its folder, cannot be created.
    #[error("cannot create {path} for the database: {source}")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file does not exist, and the URL forbids creating it (`mode=rw`).
    #[error("there is no database {path}, and mode=rw in database.url forbids creating it; use mode=rwc")]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// The URL is invalid.
    #[error(transparent)]
    Url(#[from] InvalidValue),
    /// The server cannot be reached.
    #[error("cannot reach the database {name}: {reason}")]
    Unreachable {
        /// The database, without its password.
        name: String,
        /// The error of the operating system, or the timeout.
        reason: String,
    },
    /// The server rejects the connection.
    #[error("the database {name} rejected the connection: {reason}")]
    Refused {
        /// The database, without its password.
        name: String,
        /// The message of the server.
        reason: String,
    },
    /// The server is behind a pooler in transaction mode, which gives each transaction another session.
    #[error(
        "{name} is behind a pooler in transaction mode, in which statement timeouts, LISTEN and prepared statements do \
         not work; use session mode (PgBouncer: pool_mode=session), or connect to the server directly"
    )]
    TransactionPooling {
        /// The database, without its password.
        name: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database {name}: {}", reason(source))]
    Open {
        /// The database, without its password.
        name: String,
        /// The error of the database.
        source: DbErr,
    },
}

impl Database {
    /// Connects to the configured database. Without a URL, to the embedded one.
    ///
    /// # Errors
    /// The database is unavailable, or its folder cannot be created.
    #[doc(hidden)]
    pub async fn connect(config: &Config, application: ApplicationMigrations) -> Result<Self, ConnectError> {
        let (writer, reader) = match config.database_url()? {
            DatabaseUrl::Sqlite { path, creates } => sqlite(path, creates, config).await?,
            DatabaseUrl::Postgres { url, settings } => {
                let (name, connections) = (config.database_name(), config.database.max_connections);
                let writer = postgres::connect(&name, &url, settings, connections).await?;
                (Writer::postgres(writer.clone()), writer)
            }
        };
        Ok(Self(Arc::new(Connections { writer, reader, application })))
    }
}

/// Opens the embedded database: the connection that writes, and those that read.
async fn sqlite(
    path: PathBuf,
    creates: bool,
    config: &Config,
) -> Result<(Writer, DatabaseConnection), ConnectError> {
    if !creates && !path.exists() {
        return Err(ConnectError::NoFile { path });
    }
    let folder = path.parent().map(ToOwned::to_owned).unwrap_or_default();
    make_private_folder(&folder).map_err(|source| ConnectError::Folder { path: folder, source })?;
    make_private_file(&path).map_err(|source| ConnectError::Folder { path: path.clone(), source })?;
    let writer = open_sqlite_writer(&path).await?;
    let readers = config.database.max_connections - 1;
    let reader = open_sqlite(&path, readers, |options| options.read_only(true)).await?;
    Ok((Writer::sqlite(writer), reader))
}

/// Opens the only connection that writes. SQLite has one writer at a time; a second connection would wait for the first by
/// polling, without a fair order. `synchronous = FULL`: a committed transaction survives a power failure.
pub(super) async fn open_sqlite_writer(path: &Path) -> Result<DatabaseConnection, ConnectError> {
    let writes = |options: SqliteConnectOptions| {
        options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
    };
    open_sqlite(path, 1, writes).await
}

async fn open_sqlite(
    path: &Path,
    connections: u32,
    purpose: impl Fn(SqliteConnectOptions) -> SqliteConnectOptions + Send + Sync + 'static,
) -> Result<DatabaseConnection, ConnectError> {
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:the.file.is.named.below");
    options
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging_level(STATEMENT_LOG_LEVEL)
        .map_sqlx_sqlite_opts(move |options: SqliteConnectOptions| {
            purpose(options.filename(&file).busy_timeout(BUSY_TIMEOUT).foreign_keys(true))
        });
    let connection = sea_orm::Database::connect(options).await;
    connection.map_err(|source| ConnectError::Open { name: path.display().to_string(), source })
}

/// Creates the file with access for its owner only, because SQLite would let all users read it. The files that SQLite
/// creates beside it inherit the mode.
fn make_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).append(true).open(path).map(|_| ())
}
