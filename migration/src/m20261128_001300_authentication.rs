use sea_orm_migration::prelude::*;

/// Adds to sessions when and how their user proved who they are.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [&str; 2] = ["authenticated_at BIGINT", "methods TEXT"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let statement = format!("ALTER TABLE sessions ADD COLUMN {column}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS.iter().rev() {
            let name = column.split(' ').next().unwrap_or_default();
            let statement = format!("ALTER TABLE sessions DROP COLUMN {name}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
