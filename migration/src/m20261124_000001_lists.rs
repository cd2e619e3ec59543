use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::column::index;

/// Adds indexes with which every page of a list has the same cost, for any filter and at any depth.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The sort orders of accounts, each with all its columns.
const ORDERS: [(&str, &str); 3] =
    [("created_at", "created_at, id"), ("username", "username_key"), ("last_login", "last_login_key, id")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        // A generated column, because SQLite cannot seek to a pair of values in an index of an expression, and scans it
        // instead. PostgreSQL before 18 has no virtual columns, and SQLite cannot add stored ones.
        let storage = match manager.get_database_backend() {
            DbBackend::Postgres => "STORED",
            _ => "VIRTUAL",
        };
        let column = "last_login_key BIGINT GENERATED ALWAYS AS (COALESCE(last_login_at, 0))";
        db.execute_unprepared(&format!("ALTER TABLE users ADD COLUMN {column} {storage}")).await?;
        db.execute_unprepared("DROP INDEX users_last_login_at_id").await?;
        manager.create_index(index("users", &["last_login_key", "id"])).await?;
        for (name, columns) in ORDERS {
            let sql = format!("CREATE INDEX users_disabled_{name} ON users ({columns}) WHERE disabled");
            db.execute_unprepared(&sql).await?;
        }
        manager.create_index(index("audit_events", &["user_id", "action", "id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared("DROP INDEX audit_events_user_id_action_id").await?;
        for (name, _) in ORDERS {
            db.execute_unprepared(&format!("DROP INDEX users_disabled_{name}")).await?;
        }
        db.execute_unprepared("DROP INDEX users_last_login_key_id").await?;
        db.execute_unprepared("ALTER TABLE users DROP COLUMN last_login_key").await?;
        let sql = "CREATE INDEX users_last_login_at_id ON users (COALESCE(last_login_at, 0), id)";
        db.execute_unprepared(sql).await.map(|_| ())
    }
}
