use sea_orm_migration::prelude::*;

use crate::column::{index, time};

/// Adds the indexes of sessions in the status lists. No foreign key: an index stays reserved after its session or account
/// was deleted, until the last token with it has expired.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("token_statuses")
            .col(ColumnDef::new("idx").integer().primary_key())
            .col(ColumnDef::new("session_id").uuid().not_null())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("token_version").big_integer().not_null())
            .col(ColumnDef::new("is_released").boolean().not_null())
            .col(time("kept_until").not_null())
            .to_owned();
        manager.create_table(table).await?;
        manager
            .create_index(index("token_statuses", &["session_id", "token_version"]).unique().to_owned())
            .await?;
        manager.create_index(index("token_statuses", &["user_id"])).await?;
        manager.create_index(index("token_statuses", &["kept_until"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("token_statuses").to_owned()).await
    }
}
