use sea_orm_migration::prelude::*;

use crate::column::index;

/// Adds the skeleton of a username as it is displayed: `IBM` looks like `lBM`, although `ibm` does not look like `lbm`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared("ALTER TABLE users ADD COLUMN displayed_skeleton TEXT").await?;
        manager.create_index(index("users", &["displayed_skeleton"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name("users_displayed_skeleton").table("users").to_owned();
        manager.drop_index(index).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared("ALTER TABLE users DROP COLUMN displayed_skeleton").await.map(|_| ())
    }
}
