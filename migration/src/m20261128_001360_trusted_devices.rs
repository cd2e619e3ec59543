use sea_orm_migration::prelude::*;

use crate::column::{index, time};

/// Adds the trusted devices. They are deleted with their account.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let user = ForeignKey::create()
            .from("trusted_devices", "user_id")
            .to("users", "id")
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned();
        let table = Table::create()
            .table("trusted_devices")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("token_hash").var_binary(32).not_null())
            .col(ColumnDef::new("token_version").big_integer().not_null())
            .col(ColumnDef::new("user_agent").text())
            .col(ColumnDef::new("ip_address").text())
            .col(time("created_at").not_null())
            .col(time("last_used_at"))
            .col(time("expires_at").not_null())
            .foreign_key(&mut { user })
            .to_owned();
        manager.create_table(table).await?;
        let table = "trusted_devices";
        manager.create_index(index(table, &["token_hash"]).unique().to_owned()).await?;
        manager.create_index(index(table, &["user_id", "id"])).await?;
        manager.create_index(index(table, &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("trusted_devices").to_owned()).await
    }
}
