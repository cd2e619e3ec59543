use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sqlx::postgres::PgListener;
use tokio::time::{Instant, timeout_at};

use super::Database;

/// The channel on which PostgreSQL tells that the change feed has grown.
const CHANNEL: &str = "portcullis_changes";

/// The time in which several notifications count as one. The first after a pause is heard at once.
const TOGETHER: Duration = Duration::from_millis(50);

/// Hears of new changes at once. Only PostgreSQL can tell.
pub struct Listener {
    connection: PgListener,
    heard_at: Option<Instant>,
}

impl Listener {
    /// Waits until somebody has called [`Database::notify`]. Many calls in a short time are heard as one, because each
    /// that is heard makes this replica read the feed.
    ///
    /// # Errors
    /// When the connection is lost; listen anew.
    pub async fn heard(&mut self) -> Result<(), DbErr> {
        let lost = |error: sqlx::Error| DbErr::Custom(error.to_string());
        // None: the connection was lost and made again; what was said meanwhile is in the table.
        self.connection.try_recv().await.map_err(lost)?;
        let until = self.heard_at.map_or_else(Instant::now, |at| at + TOGETHER);
        // To stop waiting loses nothing: a notification is taken whole or not at all.
        let rest = async { while self.connection.try_recv().await.is_ok() {} };
        let _ = timeout_at(until, rest).await;
        self.heard_at = Some(Instant::now());
        Ok(())
    }
}

impl Database {
    /// Begins to listen; `None` where the database cannot tell.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listen(&self) -> Result<Option<Listener>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let lost = |error: sqlx::Error| DbErr::Custom(error.to_string());
        let mut listener =
            PgListener::connect_with(self.writer.get_postgres_connection_pool()).await.map_err(lost)?;
        listener.listen(CHANNEL).await.map_err(lost)?;
        Ok(Some(Listener { connection: listener, heard_at: None }))
    }

    /// Tells every listener, once the transaction has been committed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notify(transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
        if transaction.get_database_backend() == DbBackend::Postgres {
            let sql = "SELECT pg_notify($1, '')";
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [CHANNEL.into()]);
            transaction.execute_raw(statement).await?;
        }
        Ok(())
    }
}
