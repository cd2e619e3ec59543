use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::column::index;

/// Adds to changes the id of the transaction that wrote them, as `position`, on PostgreSQL. Rows do not commit in the
/// order of their ids there, but a snapshot shows which transactions are in progress, so a reader can select exactly
/// the rows that it has not seen. The database sets the position. It is 0 for existing changes, and for all changes
/// on SQLite, whose single writer commits in the order of the ids.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SET_POSITION: &str =
    "ALTER TABLE changes ALTER COLUMN position SET DEFAULT (pg_current_xact_id()::text::bigint)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("ALTER TABLE changes ADD COLUMN position BIGINT NOT NULL DEFAULT 0").await?;
        manager.create_index(index("changes", &["position"])).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(SET_POSITION).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX changes_position").await?;
        db.execute_unprepared("ALTER TABLE changes DROP COLUMN position").await.map(|_| ())
    }
}
