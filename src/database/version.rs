use chrono::DateTime;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Database;
use crate::clock::Timestamp;

/// The minimum release of PostgreSQL, in the format of `server_version_num`.
const MIN_POSTGRES: i32 = 140_000;

/// The product and release of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseVersion {
    /// The name and the release, such as `PostgreSQL 17.2`.
    pub name: String,
    /// Whether this program supports the release.
    pub is_supported: bool,
    /// The time of the database server. `None` for SQLite, which has no clock of its own.
    pub clock: Option<Timestamp>,
}

impl Database {
    /// The product and release of the database.
    ///
    /// # Errors
    /// The database is unavailable.
    #[doc(hidden)]
    pub async fn version(&self) -> Result<DatabaseVersion, DbErr> {
        let backend = self.backend();
        let sql = match backend {
            DbBackend::Postgres => {
                "SELECT current_setting('server_version') AS version, \
                 current_setting('server_version_num')::int AS number, \
                 (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms"
            }
            _ => "SELECT sqlite_version() AS version",
        };
        let row = self.0.reader.query_one_raw(Statement::from_string(backend, sql)).await?;
        let row = row.ok_or_else(|| DbErr::Custom("the database did not return its version".to_owned()))?;
        let version: String = row.try_get("", "version")?;
        if backend != DbBackend::Postgres {
            return Ok(DatabaseVersion {
                name: format!("SQLite {version}"),
                is_supported: true,
                clock: None,
            });
        }
        Ok(DatabaseVersion {
            name: format!("PostgreSQL {version}"),
            is_supported: row.try_get::<i32>("", "number")? >= MIN_POSTGRES,
            clock: DateTime::from_timestamp_millis(row.try_get("", "ms")?),
        })
    }
}
