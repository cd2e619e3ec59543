use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use log::LevelFilter;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::{Database, postgres, reason};
use crate::{
    config::{Config, DatabaseUrl, Impossible},
    secret::make_private_folder,
};

/// How long a request waits for a connection before the database counts as away.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a writer waits for another process to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements are logged without their values; one that takes longer than a second is a warning.
pub(super) const STATEMENTS_ARE_LOGGED_AT: LevelFilter = LevelFilter::Trace;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of the database, or its folder, cannot be made.
    #[error("cannot make {path} for the database: {source}")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The URL forbids to make the file (`mode=rw`), and there is none.
    #[error("there is no database {path}, and database.url says mode=rw; with mode=rwc it is made")]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// The URL cannot be.
    #[error(transparent)]
    Url(#[from] Impossible),
    /// The server cannot be reached.
    #[error("cannot reach the database {name}: {reason}")]
    Away {
        /// The database, without its password.
        name: String,
        /// The error of the operating system.
        reason: String,
    },
    /// The server answers, and refuses.
    #[error("the database {name} refuses the connection: {reason}")]
    Refused {
        /// The database, without its password.
        name: String,
        /// The message of the server.
        reason: String,
    },
    /// A pooler gives each transaction another session.
    #[error(
        "{name} is behind a pooler in transaction mode, in which the limit on the time of a statement, LISTEN and \
         prepared statements do not hold; use a pool in session mode (PgBouncer: pool_mode=session), or the server itself"
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
        /// What it said.
        source: DbErr,
    },
}

impl Database {
    /// Connects to the database that the configuration names: the embedded one unless there is a URL.
    ///
    /// # Errors
    /// When it does not answer, or its folder cannot be made.
    pub async fn connect(config: &Config) -> Result<Self, ConnectError> {
        match config.database_url()? {
            DatabaseUrl::Sqlite { path, creates } => Self::sqlite(path, creates, config).await,
            DatabaseUrl::Postgres { url, settings } => {
                let (name, connections) = (config.shown_database(), config.database.max_connections);
                let writer = postgres::connect(&name, &url, settings, connections).await?;
                Ok(Self { reader: writer.clone(), writer })
            }
        }
    }

    async fn sqlite(path: PathBuf, creates: bool, config: &Config) -> Result<Self, ConnectError> {
        if !creates && !path.exists() {
            return Err(ConnectError::NoFile { path });
        }
        let folder = path.parent().map(ToOwned::to_owned).unwrap_or_default();
        make_private_folder(&folder).map_err(|source| ConnectError::Folder { path: folder, source })?;
        make_private_file(&path).map_err(|source| ConnectError::Folder { path: path.clone(), source })?;
        // SQLite has one writer at a time; a second connection would only wait, and less fairly. What was
        // answered survives a power cut.
        let writes = |options: SqliteConnectOptions| {
            options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
        };
        let writer = open_sqlite(&path, 1, writes).await?;
        let readers = config.database.max_connections - 1;
        let reader = open_sqlite(&path, readers, |options| options.read_only(true)).await?;
        Ok(Self { writer, reader })
    }
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
        .acquire_timeout(ACQUIRE_TIMEOUT + BUSY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging_level(STATEMENTS_ARE_LOGGED_AT)
        .map_sqlx_sqlite_opts(move |options: SqliteConnectOptions| {
            purpose(options.filename(&file).busy_timeout(BUSY_TIMEOUT).foreign_keys(true))
        });
    let connection = sea_orm::Database::connect(options).await;
    connection.map_err(|source| ConnectError::Open { name: path.display().to_string(), source })
}

/// SQLite would make the file readable by all; the files beside it take its mode.
fn make_private_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).append(true).open(path).map(|_| ())
}
