use sea_orm_migration::prelude::*;

use crate::column::time;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("signing_keys")
            .col(ColumnDef::new("kid").string_len(64).primary_key())
            .col(ColumnDef::new("algorithm").string_len(16).not_null())
            .col(ColumnDef::new("sealed_private_key").blob().not_null())
            .col(time("created_at").not_null())
            .col(time("active_from").not_null())
            .col(time("active_until"))
            .col(time("published_until"))
            .col(time("revoked_at"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("signing_keys").to_owned()).await
    }
}
