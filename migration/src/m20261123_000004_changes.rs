use sea_orm_migration::prelude::*;

use crate::column::{index, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("changes")
            .col(ColumnDef::new("id").big_integer().auto_increment().primary_key())
            .col(ColumnDef::new("kind").string_len(16).not_null())
            .col(ColumnDef::new("subject").uuid())
            .col(ColumnDef::new("epoch").big_integer())
            .col(time("at").not_null())
            .col(time("until").not_null())
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(index("changes", &["until"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("changes").to_owned()).await
    }
}
