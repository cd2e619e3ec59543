use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::column::index;

/// Gives every event a place by which events are followed without a gap: `position`, then `id`. Events from
/// before have the position 0, and so the order of their ids. The database fills it in:
///
/// - PostgreSQL with the transaction's id. Transactions do not commit in the order of their ids, but it is known
///   which ids may still be to come.
/// - SQLite, which has one writer, with a number that rises with every event, also after all have been deleted.
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
        let fill_in = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        db.execute_unprepared(fill_in).await.map(|_| ())
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
