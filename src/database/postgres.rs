use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    ConnectOptions as _, Connection, Row,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    ConnectError, LONGEST_STATEMENT_SECONDS,
    connect::{ACQUIRE_TIMEOUT, STATEMENTS_ARE_LOGGED_AT},
};

/// The pause between two attempts to reach a server that is starting.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The number of times that a start compares which server process answers. More than once, because other clients of
/// a pooler take connections as well.
const POOLER_ROUNDS: usize = 4;

/// Connects to a PostgreSQL server. Session settings are made by a statement, not by parameters of the start-up
/// packet, which poolers refuse or drop; and they are read back.
pub(super) async fn connect(
    name: &str,
    url: &SecretString,
    settings: Vec<(String, String)>,
    connections: u32,
) -> Result<DatabaseConnection, ConnectError> {
    let failed = |source| explain(name, source);
    // Since PostgreSQL 12 the default of extra_float_digits is exact, and poolers refuse the parameter.
    let options = url.expose_secret().parse::<PgConnectOptions>().map_err(failed)?;
    let options = options
        .extra_float_digits(None)
        .application_name("portcullis")
        .log_statements(STATEMENTS_ARE_LOGGED_AT)
        .log_slow_statements(log::LevelFilter::Warn, Duration::from_secs(1));
    let settings = Settings::new(settings);
    examine(name, &options, &settings).await?;
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

/// Says why there is no connection before the pool tries, because a pool only says that it has waited.
async fn examine(name: &str, options: &PgConnectOptions, settings: &Settings) -> Result<(), ConnectError> {
    let failed = |source| explain(name, source);
    let deadline = Instant::now() + ACQUIRE_TIMEOUT;
    let mut one = connect_until(options, deadline).await.map_err(failed)?;
    let mut other = connect_until(options, deadline).await.map_err(failed)?;
    let first = process_of(&mut one).await.map_err(failed)?;
    for _ in 0..POOLER_ROUNDS {
        let second = process_of(&mut other).await.map_err(failed)?;
        // Two sessions of PostgreSQL are two processes, and each stays the same.
        if first == second || process_of(&mut one).await.map_err(failed)? != first {
            return Err(ConnectError::TransactionPooling { name: name.to_owned() });
        }
    }
    settings.apply(&mut one).await.map_err(failed)?;
    // Only now are settings changed: in a shared session they would be those of other programs.
    one.close().await.and(other.close().await).map_err(failed)
}

async fn connect_until(options: &PgConnectOptions, deadline: Instant) -> Result<PgConnection, sqlx::Error> {
    loop {
        let connected = timeout_at(deadline, PgConnection::connect_with(options)).await;
        match connected.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Err(error) if is_passing(&error) && Instant::now() + RETRY_PAUSE < deadline => {
                sleep(RETRY_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

/// Whether the server may accept a connection in a moment: it starts, or has too many connections.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| ["53300", "57P03"].contains(&&*code)),
        _ => false,
    }
}

async fn process_of(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    // Not prepared, because in a shared session the name of a prepared statement may be taken.
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}

/// The settings of every session.
#[derive(Clone)]
struct Settings {
    names: Vec<String>,
    values: Vec<String>,
}

/// The limits on a statement and on a pause in a transaction, on which the change feed relies.
const LIMITS: [&str; 2] = ["statement_timeout", "idle_in_transaction_session_timeout"];

impl Settings {
    /// The operator's settings, and then those that must be as they are.
    fn new(given: Vec<(String, String)>) -> Self {
        let (mut names, mut values): (Vec<_>, Vec<_>) = given.into_iter().unzip();
        names.extend(LIMITS.map(ToOwned::to_owned));
        values.extend(LIMITS.map(|_| format!("{LONGEST_STATEMENT_SECONDS}s")));
        Self { names, values }
    }

    async fn apply(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let sql =
            "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s (name, value)";
        let statement = sqlx::query(sql).bind(&self.names).bind(&self.values).persistent(false);
        statement.execute(&mut *connection).await?;
        let sql = "SELECT count(*) FROM pg_settings WHERE name = ANY($1) AND setting = $2";
        let milliseconds = (LONGEST_STATEMENT_SECONDS * 1000).to_string();
        let statement = sqlx::query(sql).bind(LIMITS.as_slice()).bind(milliseconds).persistent(false);
        match statement.fetch_one(connection).await?.try_get::<i64, _>(0)? {
            2 => Ok(()),
            _ => Err(sqlx::Error::Configuration(NOT_KEPT.into())),
        }
    }
}

const NOT_KEPT: &str =
    "the session does not keep statement_timeout; let a pooler in front work in session mode";

/// Parts an absent server from one that refuses.
fn explain(name: &str, source: sqlx::Error) -> ConnectError {
    let name = name.to_owned();
    match source {
        sqlx::Error::Database(error) => {
            let cure = match error.code().as_deref() {
                Some("28P01" | "28000") => "; check the user and the password in database.url",
                Some("3D000") => "; create it, or check the name at the end of database.url",
                Some("53300") => "; lower database.max_connections, or raise the server's max_connections",
                _ => "",
            };
            ConnectError::Refused { name, reason: format!("{}{cure}", error.message()) }
        }
        sqlx::Error::Io(_) => ConnectError::Away { name, reason: source.to_string() },
        sqlx::Error::PoolTimedOut => {
            let reason = format!("it did not answer within {} s", ACQUIRE_TIMEOUT.as_secs());
            ConnectError::Away { name, reason }
        }
        source => ConnectError::Refused { name, reason: source.to_string() },
    }
}
