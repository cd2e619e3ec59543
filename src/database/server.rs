use chrono::DateTime;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Database;
use crate::clock::Timestamp;

/// The oldest release of PostgreSQL that we run on, as `server_version_num` counts.
const OLDEST_POSTGRES: i32 = 140_000;

/// What a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name and release.
    pub name: String,
    /// Whether the release is one that we run on.
    pub is_supported: bool,
    /// What time it is there, where it has a clock of its own.
    pub clock: Option<Timestamp>,
}

impl Database {
    /// What the database is.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn server(&self) -> Result<Server, DbErr> {
        let backend = self.backend();
        let sql = match backend {
            DbBackend::Postgres => {
                "SELECT current_setting('server_version') AS version, \
                 current_setting('server_version_num')::int AS number, \
                 (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms"
            }
            _ => "SELECT sqlite_version() AS version",
        };
        let row = self.reader.query_one_raw(Statement::from_string(backend, sql)).await?;
        let row = row.ok_or_else(|| DbErr::Custom("the database does not say what it is".to_owned()))?;
        let version: String = row.try_get("", "version")?;
        if backend != DbBackend::Postgres {
            return Ok(Server { name: format!("SQLite {version}"), is_supported: true, clock: None });
        }
        Ok(Server {
            name: format!("PostgreSQL {version}"),
            is_supported: row.try_get::<i32>("", "number")? >= OLDEST_POSTGRES,
            clock: DateTime::from_timestamp_millis(row.try_get("", "ms")?),
        })
    }
}
