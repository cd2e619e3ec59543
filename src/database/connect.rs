use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use log::LevelFilter;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};
use secrecy::ExposeSecret;
use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgConnection},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::timeout;

use super::{Database, LONGEST_STATEMENT_SECONDS};
use crate::{config::Config, secret::make_private_folder};

/// How long a request waits for a connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a writer waits for another process to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements are logged without their values; one that takes longer than a second is a warning.
const STATEMENTS_ARE_LOGGED_AT: LevelFilter = LevelFilter::Trace;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of the database, or its folder, cannot be made.
    #[error("cannot make {path} for the database: {source}")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database does not answer, or the URL is wrong.
    #[error("cannot open the database {name}: {source}")]
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
        match (config.sqlite_file(), &config.database.url) {
            (None, Some(url)) => Self::postgres(url.expose_secret(), config).await,
            (file, _) => Self::sqlite(file.unwrap_or_default(), config).await,
        }
    }

    async fn postgres(url: &str, config: &Config) -> Result<Self, ConnectError> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(config.database.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire_if_idle_for(Duration::from_secs(1))
            .sqlx_logging_level(STATEMENTS_ARE_LOGGED_AT)
            .map_sqlx_postgres_opts(|options: PgConnectOptions| {
                let limit = format!("{LONGEST_STATEMENT_SECONDS}s");
                options.application_name("portcullis").options([
                    ("statement_timeout", limit.as_str()),
                    ("idle_in_transaction_session_timeout", limit.as_str()),
                ])
            });
        match sea_orm::Database::connect(options).await {
            Ok(writer) => Ok(Self { reader: writer.clone(), writer }),
            Err(error) => {
                let source = why_postgres_is_away(url).await.unwrap_or(error);
                Err(ConnectError::Open { name: config.shown_database(), source })
            }
        }
    }

    async fn sqlite(path: PathBuf, config: &Config) -> Result<Self, ConnectError> {
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

/// What one more try comes to, for a pool that cannot connect only says that it has waited.
async fn why_postgres_is_away(url: &str) -> Option<DbErr> {
    let tried = timeout(ACQUIRE_TIMEOUT, PgConnection::connect(url)).await.ok()?;
    tried.err().map(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))
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
