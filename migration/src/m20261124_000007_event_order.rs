use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::column::index;

/// Adds a position to events, so that subscribers read them without gaps in the order of `position`, then `id`.
/// Existing events have the position 0 and are ordered by id. The database sets the position:
///
/// - PostgreSQL to the id of the transaction. Transactions do not commit in the order of their ids, but a snapshot
///   shows which ids are still in progress.
/// - SQLite, which has one writer, to a number that increases with every event, even after all events were deleted.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const POSTGRES: &str =
    "ALTER TABLE audit_events ALTER COLUMN position SET DEFAULT (pg_current_xact_id()::text::bigint)";

const SQLITE: &str = "CREATE TRIGGER audit_events_position AFTER INSERT ON audit_events BEGIN \
    UPDATE audit_events SET position = MAX(NEW.at, (SELECT MAX(position) + 1 FROM audit_events)) \
    WHERE id = NEW.id; END";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("ALTER TABLE audit_events ADD COLUMN position BIGINT NOT NULL DEFAULT 0")
            .await?;
        manager.create_index(index("audit_events", &["position", "id"])).await?;
        manager.create_index(index("audit_events", &["user_id", "position", "id"])).await?;
        let set_position = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        db.execute_unprepared(set_position).await.map(|_| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Sqlite {
            db.execute_unprepared("DROP TRIGGER audit_events_position").await?;
        }
        db.execute_unprepared("DROP INDEX audit_events_user_id_position_id").await?;
        db.execute_unprepared("DROP INDEX audit_events_position_id").await?;
        db.execute_unprepared("ALTER TABLE audit_events DROP COLUMN position").await.map(|_| ())
    }
}
