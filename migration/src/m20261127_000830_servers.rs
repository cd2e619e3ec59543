use sea_orm_migration::prelude::*;

use crate::column::{index, time};

/// Adds the list of running servers, with the settings on which they must agree.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("servers")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("address").text().not_null())
            .col(ColumnDef::new("settings").text().not_null())
            .col(time("started_at").not_null())
            .col(time("seen_at").not_null())
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(index("servers", &["seen_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("servers").to_owned()).await
    }
}
