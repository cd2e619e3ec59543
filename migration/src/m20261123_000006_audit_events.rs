use sea_orm_migration::prelude::*;

use crate::column::{index, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("audit_events")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("action").string_len(32).not_null())
            .col(time("at").not_null())
            .col(ColumnDef::new("actor_id").uuid())
            .col(ColumnDef::new("user_id").uuid())
            .col(ColumnDef::new("session_id").uuid())
            .col(ColumnDef::new("ip_address").text())
            .col(ColumnDef::new("user_agent").text())
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(index("audit_events", &["user_id", "id"])).await?;
        manager.create_index(index("audit_events", &["action", "id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("audit_events").to_owned()).await
    }
}
