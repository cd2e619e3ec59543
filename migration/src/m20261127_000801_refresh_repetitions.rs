use sea_orm_migration::prelude::*;

/// Adds the number of repetitions of a session's last rotation, and the time and address of the last repetition.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [&str; 3] =
    ["repetitions INTEGER NOT NULL DEFAULT 0", "repeated_at BIGINT", "repeated_from TEXT"];

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
        for column in ["repeated_from", "repeated_at", "repetitions"] {
            let statement = format!("ALTER TABLE sessions DROP COLUMN {column}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
