use sea_orm_migration::prelude::*;

/// Adds the time at which a server last signed with a key. If a key file signs, the keys in the database that no
/// server uses are retired.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = "ALTER TABLE signing_keys ADD COLUMN last_used_at BIGINT";
        manager.get_connection().execute_unprepared(add).await.map(|_| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = "ALTER TABLE signing_keys DROP COLUMN last_used_at";
        manager.get_connection().execute_unprepared(drop).await.map(|_| ())
    }
}
