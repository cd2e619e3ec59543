use sea_orm_migration::prelude::*;

use crate::column::index;

/// Adds the time since which an account that has registered waits for the verification of its address.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared("ALTER TABLE users ADD COLUMN unverified_since BIGINT").await?;
        manager.create_index(index("users", &["unverified_since"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("users_unverified_since").table("users").to_owned()).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared("ALTER TABLE users DROP COLUMN unverified_since").await.map(|_| ())
    }
}
