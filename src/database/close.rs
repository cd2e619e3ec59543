use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio::time::timeout;

use super::Database;

/// The time in which running statements must complete and release their connections.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Database {
    /// Closes all connections, including those of clones. On SQLite, all data is then in one file. If another process
    /// uses the database, that process merges the write-ahead log when it ends.
    #[doc(hidden)]
    pub async fn close(&self) {
        match timeout(CLOSE_TIMEOUT, self.try_close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "closing the database failed"),
            Err(_) => tracing::warn!("the database was not closed, because statements were still running"),
        }
    }

    async fn try_close(&self) -> Result<(), DbErr> {
        // The readers are closed first: the last connection deletes the write-ahead log, if it may write.
        self.0.reader.close_by_ref().await?;
        let is_sqlite = self.backend() == DbBackend::Sqlite;
        self.0.writer.close(async |last| if is_sqlite { checkpoint(last).await } else { Ok(()) }).await
    }
}

/// Copies the write-ahead log into the file of the database and truncates it (`PRAGMA wal_checkpoint` in the documentation
/// of SQLite).
async fn checkpoint(connection: &DatabaseConnection) -> Result<(), DbErr> {
    // Waiting for a reader of another process would block that process's writer as well.
    connection.execute_unprepared("PRAGMA busy_timeout = 0").await?;
    let sql = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
    let row = connection.query_one_raw(sql).await?;
    let busy = row.map(|row| row.try_get::<i32>("", "busy")).transpose()?;
    if busy != Some(0) {
        tracing::info!(
            "the write-ahead log was kept, because another process uses the database; the latest data is in the file \
             that ends in -wal"
        );
    }
    Ok(())
}
