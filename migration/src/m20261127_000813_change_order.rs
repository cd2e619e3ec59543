use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::column::index;

/// Gives every change the id of the transaction that wrote it, as `position`, on PostgreSQL. There, rows do not commit in
/// the order of their ids, but a snapshot tells which transactions are still open; so a reader asks for exactly the rows
/// that it has not seen. The database fills it in. Changes from before have the position 0, and so have all on SQLite,
/// whose one writer commits in the order of the ids.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const FILL_IN: &str =
    "ALTER TABLE changes ALTER COLUMN position SET DEFAULT (pg_current_xact_id()::text::bigint)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("ALTER TABLE changes ADD COLUMN position BIGINT NOT NULL DEFAULT 0").await?;
        manager.create_index(index("changes", &["position"])).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(FILL_IN).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX changes_position").await?;
        db.execute_unprepared("ALTER TABLE changes DROP COLUMN position").await.map(|_| ())
    }
}
