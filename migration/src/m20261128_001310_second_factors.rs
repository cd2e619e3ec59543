use sea_orm_migration::prelude::*;

use crate::column::{index, key, time};

/// Adds second factors: the secrets of authenticator apps, recovery codes, and sign-ins that wait for a second factor.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 3] = ["totp_secrets", "recovery_codes", "sign_in_challenges"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let totp = Table::create()
            .table("totp_secrets")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("sealed_secret").binary().not_null())
            .col(time("created_at").not_null())
            .col(time("confirmed_at"))
            .col(ColumnDef::new("last_step").big_integer().not_null())
            .col(time("last_used_at"))
            .foreign_key(&mut owner("totp_secrets"))
            .to_owned();
        manager.create_table(totp).await?;
        manager.create_index(index("totp_secrets", &["user_id"])).await?;
        let recovery = Table::create()
            .table("recovery_codes")
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("code_hash").var_binary(32).not_null())
            .col(time("created_at").not_null())
            .col(time("used_at"))
            .primary_key(Index::create().col("user_id").col("code_hash"))
            .foreign_key(&mut owner("recovery_codes"))
            .to_owned();
        manager.create_table(recovery).await?;
        let challenges = Table::create()
            .table("sign_in_challenges")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("token_hash").var_binary(32).not_null().unique_key())
            .col(ColumnDef::new("user_id").uuid().not_null())
            .col(ColumnDef::new("token_version").big_integer().not_null())
            .col(key(manager, "method").not_null())
            .col(ColumnDef::new("client_hash").var_binary(32).not_null())
            .col(ColumnDef::new("attempts").integer().not_null())
            .col(time("created_at").not_null())
            .col(time("expires_at").not_null())
            .foreign_key(&mut owner("sign_in_challenges"))
            .to_owned();
        manager.create_table(challenges).await?;
        manager.create_index(index("sign_in_challenges", &["user_id"])).await?;
        manager.create_index(index("sign_in_challenges", &["expires_at"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.iter().rev() {
            manager.drop_table(Table::drop().table(*table).to_owned()).await?;
        }
        Ok(())
    }
}

/// Deletes the rows of a table with the account that they belong to.
fn owner(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
