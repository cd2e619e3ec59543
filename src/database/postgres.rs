use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions as _, Connection, Row,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ConnectError, STATEMENT_TIMEOUT,
    connect::{ACQUIRE_TIMEOUT, STATEMENT_LOG_LEVEL},
};

/// The delay between two attempts to connect to a server that is starting.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The number of comparisons of server processes by which a start detects a pooler. One is not enough, because other
/// clients of the pooler use its connections as well.
const POOLER_ROUNDS: usize = 4;

/// Connects to a PostgreSQL server. Session settings are applied by a statement and read back, because poolers reject
/// or drop them in the start-up packet.
pub(super) async fn connect(
    name: &str,
    url: &SecretString,
    settings: Vec<(String, String)>,
    connections: u32,
) -> Result<DatabaseConnection, ConnectError> {
    let failed = |source| connect_error(name, source);
    // Poolers reject extra_float_digits. It is not needed, because since PostgreSQL 12 its default is exact.
    let options = url.expose_secret().parse::<PgConnectOptions>().map_err(failed)?;
    let options = options
        .extra_float_digits(None)
        .application_name("portcullis")
        .log_statements(STATEMENT_LOG_LEVEL)
        .log_slow_statements(log::LevelFilter::Warn, Duration::from_secs(1));
    let settings = Settings::new(settings);
    check_session_mode(name, &options, &settings).await?;
    let mut pool = ConnectOptions::new("postgres://the.server.is.named.below");
    pool.max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        .map_sqlx_postgres_opts(move |_| options.clone())
        .map_sqlx_postgres_pool_opts(move |pool| {
            let settings = settings.clone();
            pool.after_connect(move |connection, _| {
                let settings = settings.clone();
                Box::pin(async move { settings.apply(connection).await })
            })
        });
    let connected = sea_orm::Database::connect(pool).await;
    connected.map_err(|source| ConnectError::Open { name: name.to_owned(), source })
}

/// Checks that the server is reachable and gives each connection a session of its own. It runs before the pool
/// connects, because the pool would report only a timeout.
async fn check_session_mode(
    name: &str,
    options: &PgConnectOptions,
    settings: &Settings,
) -> Result<(), ConnectError> {
    let failed = |source| connect_error(name, source);
    let mut one = connect_once(options).await.map_err(failed)?;
    let mut other = connect_once(options).await.map_err(failed)?;
    let first = backend_pid(&mut one).await.map_err(failed)?;
    for _ in 0..POOLER_ROUNDS {
        let second = backend_pid(&mut other).await.map_err(failed)?;
        // Two sessions of PostgreSQL are two processes, which do not change.
        if first == second || backend_pid(&mut one).await.map_err(failed)? != first {
            return Err(ConnectError::TransactionPooling { name: name.to_owned() });
        }
    }
    // The settings are applied only now, because in a shared session they would affect other programs.
    settings.apply(&mut one).await.map_err(failed)?;
    one.close().await.and(other.close().await).map_err(failed)
}

/// Opens one connection. Retries after a transient error for [`ACQUIRE_TIMEOUT`], and then returns the last error of an
/// attempt. Returns a timeout only if no attempt has failed.
async fn connect_once(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let deadline = Instant::now() + ACQUIRE_TIMEOUT;
    let mut last_error = None;
    loop {
        match timeout_at(deadline, PgConnection::connect_with(options)).await {
            Err(_) => return Err(last_error.unwrap_or(sqlx::Error::PoolTimedOut)),
            Ok(Err(error)) if is_transient(&error) && Instant::now() + RETRY_DELAY < deadline => {
                last_error = Some(error);
                sleep(RETRY_DELAY).await;
            }
            Ok(connected) => return connected,
        }
    }
}

/// Whether a retry may succeed: the server is starting, or has too many connections.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| ["53300", "57P03"].contains(&&*code)),
        _ => false,
    }
}

async fn backend_pid(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    // The statement is not prepared, because in a shared session its name may be in use.
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}

/// The settings of all sessions.
#[derive(Clone)]
struct Settings {
    names: Vec<String>,
    values: Vec<String>,
}

/// The PostgreSQL settings for [`STATEMENT_TIMEOUT`]. The change feed relies on them.
const TIMEOUTS: [&str; 2] = ["statement_timeout", "idle_in_transaction_session_timeout"];

impl Settings {
    /// The settings of the operator, followed by ours, which override them.
    fn new(given: Vec<(String, String)>) -> Self {
        let (mut names, mut values): (Vec<_>, Vec<_>) = given.into_iter().unzip();
        names.extend(TIMEOUTS.map(ToOwned::to_owned));
        values.extend(TIMEOUTS.map(|_| format!("{}ms", STATEMENT_TIMEOUT.as_millis())));
        Self { names, values }
    }

    async fn apply(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let sql =
            "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)";
        let statement = sqlx::query(sql).bind(&self.names).bind(&self.values).persistent(false);
        statement.execute(&mut *connection).await?;
        let sql = "SELECT count(*) FROM pg_settings WHERE name = ANY($1) AND setting = $2";
        let milliseconds = STATEMENT_TIMEOUT.as_millis().to_string();
        let statement = sqlx::query(sql).bind(TIMEOUTS.as_slice()).bind(milliseconds).persistent(false);
        match statement.fetch_one(connection).await?.try_get::<i64, _>(0)? {
            2 => Ok(()),
            _ => Err(sqlx::Error::Configuration(SETTINGS_LOST.into())),
        }
    }
}

const SETTINGS_LOST: &str =
    "the session does not keep statement_timeout; set the pooler in front of the server to session mode";

/// The error for a failed connection. It distinguishes an unreachable server from one that rejects the connection.
fn connect_error(name: &str, source: sqlx::Error) -> ConnectError {
    let name = name.to_owned();
    match source {
        sqlx::Error::Database(error) => {
            let remedy = match error.code().as_deref() {
                Some("28P01" | "28000") => "; check the user and the password in database.url",
                Some("3D000") => "; create it, or check the name at the end of database.url",
                Some("53300") => "; lower database.max_connections, or raise the server's max_connections",
                _ => "",
            };
            ConnectError::Refused { name, reason: format!("{}{remedy}", error.message()) }
        }
        sqlx::Error::Io(_) => ConnectError::Unreachable { name, reason: source.to_string() },
        sqlx::Error::PoolTimedOut => {
            let reason = format!("it did not respond within {} s", ACQUIRE_TIMEOUT.as_secs());
            ConnectError::Unreachable { name, reason }
        }
        source => ConnectError::Refused { name, reason: source.to_string() },
    }
}
