use sea_orm_migration::prelude::*;

use crate::column::{key, time};

/// Adds the time of the last run of each background task, so that a jump of the clock is detected even across a
/// restart.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("task_runs")
            .col(key(manager, "task").primary_key())
            .col(time("at").not_null())
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("task_runs").to_owned()).await
    }
}
