use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sqlx::postgres::PgListener;

use super::Database;

/// The channel on which PostgreSQL tells that the change feed has grown.
const CHANNEL: &str = "portcullis_changes";

/// Hears of new changes at once. Only PostgreSQL can tell.
pub struct Listener(PgListener);

impl Listener {
    /// Waits until somebody has called [`Database::notify`].
    ///
    /// # Errors
    /// When the connection is lost; listen anew.
    pub async fn heard(&mut self) -> Result<(), DbErr> {
        let lost = |error: sqlx::Error| DbErr::Custom(error.to_string());
        // None: the connection was lost and made again; what was said meanwhile is in the table.
        self.0.try_recv().await.map_err(lost)?;
        while self.0.next_buffered().is_some() {}
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
        Ok(Some(Listener(listener)))
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
