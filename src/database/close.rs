use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::time::timeout;

use super::Database;

/// The time that statements in progress have to give their connections back.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Database {
    /// Closes every connection, also those of clones. On SQLite all data is then in one file, unless another
    /// process uses the database; that process merges the write-ahead log when it ends.
    pub async fn close(&self) {
        match timeout(CLOSE_TIMEOUT, self.try_close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not close the database"),
            Err(_) => tracing::warn!("statements were still running; the database was not closed"),
        }
    }

    async fn try_close(&self) -> Result<(), DbErr> {
        // The readers first: the write-ahead log is deleted by the last connection if that may write.
        self.reader.close_by_ref().await?;
        if self.backend() == DbBackend::Sqlite {
            self.checkpoint().await?;
        }
        self.writer.close_by_ref().await
    }

    /// Writes the log into the database's file and truncates the log (SQLite's documentation,
    /// `PRAGMA wal_checkpoint`).
    async fn checkpoint(&self) -> Result<(), DbErr> {
        // To wait for another process's reader would keep that process's writer waiting as well.
        self.writer.execute_unprepared("PRAGMA busy_timeout = 0").await?;
        let sql = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        let row = self.writer.query_one_raw(sql).await?;
        let busy = row.map(|row| row.try_get::<i32>("", "busy")).transpose()?;
        if busy != Some(0) {
            tracing::info!(
                "another process uses the database: its last data stays in the file that ends in -wal"
            );
        }
        Ok(())
    }
}
