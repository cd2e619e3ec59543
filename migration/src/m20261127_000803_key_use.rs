use sea_orm_migration::prelude::*;

/// Records when a server last signed with a key. Where a file signs instead, the keys of the database that no
/// server uses any more are retired.
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
