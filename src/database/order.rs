use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Database;

impl Database {
    /// The first position at which rows may still appear, though there are rows of later ones already: a
    /// `position` is on PostgreSQL the id of the transaction that wrote the row, and these do not commit in the
    /// order of their ids. What lies before is settled, for whoever asks now or later. SQLite has one writer, so
    /// that every row that is there is settled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn first_open_position(&self) -> Result<i64, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(i64::MAX);
        }
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS first";
        let row = self.reader.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        row.ok_or_else(|| DbErr::Custom("the database does not say what is settled".to_owned()))?
            .try_get("", "first")
    }
}
