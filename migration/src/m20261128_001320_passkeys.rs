use sea_orm_migration::prelude::*;

use crate::column::{index, key, time};

/// Adds passkeys, and the challenges that were used.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let user = ForeignKey::create()
            .from("passkeys", "user_id")
            .to("users", "id")
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned();
        let passkeys = Table::create()
            .table("passkeys")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("credential_id").binary().not_null())
            .col(key(manager, "rp_id").not_null())
            .col(ColumnDef::new("public_key").binary().not_null())
            .col(ColumnDef::new("aaguid").uuid().not_null())
            .col(ColumnDef::new("transports").text().not_null())
            .col(ColumnDef::new("sign_count").big_integer().not_null())
            .col(ColumnDef::new("backup_eligible").boolean().not_null())
            .col(ColumnDef::new("backed_up").boolean().not_null())
            .col(ColumnDef::new("name").text().not_null())
            .col(time("created_at").not_null())
            .col(time("last_used_at"))
            .foreign_key(&mut { user })
            .to_owned();
        manager.create_table(passkeys).await?;
        manager.create_index(index("passkeys", &["credential_id"]).unique().to_owned()).await?;
        manager.create_index(index("passkeys", &["user_id", "id"])).await?;
        let challenges = Table::create()
            .table("used_challenges")
            .col(ColumnDef::new("hash").binary().not_null().primary_key())
            .col(time("expires_at").not_null())
            .to_owned();
        manager.create_table(challenges).await?;
        manager.create_index(index("used_challenges", &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["used_challenges", "passkeys"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
