use sea_orm_migration::prelude::*;

use crate::column::{index, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let user = ForeignKey::create()
            .from("sessions", "user_id")
            .to("users", "id")
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned();
        let table = Table::create()
            .table("sessions")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("generation").big_integer().not_null())
            .col(ColumnDef::new("chain_began").big_integer().not_null())
            .col(ColumnDef::new("salt_hash").var_binary(32).not_null())
            .col(time("created_at").not_null())
            .col(time("last_used_at").not_null())
            .col(time("expires_at").not_null())
            .col(time("ends_at").not_null())
            .col(time("revoked_at"))
            .col(ColumnDef::new("user_agent").text())
            .col(ColumnDef::new("ip_address").text())
            .foreign_key(&mut { user })
            .to_owned();
        manager.create_table(table).await?;
        manager.create_index(index("sessions", &["user_id", "id"])).await?;
        manager.create_index(index("sessions", &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sessions").to_owned()).await
    }
}
