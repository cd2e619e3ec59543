use sea_orm_migration::prelude::*;

use crate::column::{index, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("throttle")
            .col(ColumnDef::new("subject").string_len(96).primary_key())
            .col(ColumnDef::new("tries").big_integer().not_null())
            .col(time("blocked_until").not_null())
            .col(ColumnDef::new("told").boolean().not_null())
            .col(time("forget_at").not_null())
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(index("throttle", &["forget_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("throttle").to_owned()).await
    }
}
