use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sqlx::postgres::PgListener;
use tokio::time::{Instant, timeout_at};

use super::Database;

/// The PostgreSQL channel for notifications of new changes.
const CHANNEL: &str = "portcullis_changes";

/// The time for which notifications are coalesced into one. The first notification after a pause is received at once.
const COALESCE_WINDOW: Duration = Duration::from_millis(50);

/// Receives notifications of new changes (PostgreSQL `LISTEN`).
pub struct Listener {
    connection: PgListener,
    received_at: Option<Instant>,
}

impl Listener {
    /// Waits for a notification from [`Database::notify`]. Notifications in quick succession are received as one,
    /// because after each of them this replica reads the change feed.
    ///
    /// # Errors
    /// The connection is lost. Call [`Database::listen`] again.
    pub async fn recv(&mut self) -> Result<(), DbErr> {
        let lost = |error: sqlx::Error| DbErr::Custom(error.to_string());
        // `None` means that the connection was lost and re-established. Changes of that time are in the table.
        self.connection.try_recv().await.map_err(lost)?;
        let until = self.received_at.map_or_else(Instant::now, |at| at + COALESCE_WINDOW);
        // Cancelling `try_recv` at the deadline loses no notification.
        let rest = async { while self.connection.try_recv().await.is_ok() {} };
        let _ = timeout_at(until, rest).await;
        self.received_at = Some(Instant::now());
        Ok(())
    }
}

impl Database {
    /// Begins to listen for notifications. `None` on SQLite, which has none.
    ///
    /// # Errors
    /// The database is unavailable.
    #[doc(hidden)]
    pub async fn listen(&self) -> Result<Option<Listener>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let lost = |error: sqlx::Error| DbErr::Custom(error.to_string());
        let mut listener =
            PgListener::connect_with(self.0.reader.get_postgres_connection_pool()).await.map_err(lost)?;
        listener.listen(CHANNEL).await.map_err(lost)?;
        Ok(Some(Listener { connection: listener, received_at: None }))
    }

    /// Notifies all listeners when the transaction is committed.
    ///
    /// # Errors
    /// The database is unavailable.
    #[doc(hidden)]
    pub async fn notify(transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
        if transaction.get_database_backend() == DbBackend::Postgres {
            let sql = "SELECT pg_notify($1, '')";
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [CHANNEL.into()]);
            transaction.execute_raw(statement).await?;
        }
        Ok(())
    }
}
