use sea_orm_migration::prelude::*;

use crate::column::{index, key, time};

/// Adds what an account does by e-mail: the outbox, the proofs of addresses, suppressed addresses, and the profile, the
/// pending address and the scheduled deletion of an account.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [&str; 7] = [
    "pending_email TEXT",
    "username_skeleton TEXT",
    "locale TEXT",
    "picture_url TEXT",
    "metadata TEXT",
    "app_metadata TEXT",
    "deletion_at BIGINT",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let statement = format!("ALTER TABLE users ADD COLUMN {column}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        manager.create_index(index("users", &["username_skeleton"])).await?;
        manager.create_index(index("users", &["deletion_at"])).await?;
        create_messages(manager).await?;
        create_proofs(manager).await?;
        let suppressed = Table::create()
            .table("suppressed_addresses")
            .col(key(manager, "email_key").primary_key())
            .col(time("created_at").not_null())
            .to_owned();
        manager.create_table(suppressed).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["suppressed_addresses", "email_proofs", "outgoing_messages"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        for name in ["users_deletion_at", "users_username_skeleton"] {
            manager.drop_index(Index::drop().name(name).table("users").to_owned()).await?;
        }
        for column in COLUMNS.iter().rev() {
            let name = column.split(' ').next().unwrap_or_default();
            let statement = format!("ALTER TABLE users DROP COLUMN {name}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}

async fn create_messages(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("outgoing_messages")
        .col(ColumnDef::new("id").uuid().primary_key())
        .col(key(manager, "kind").not_null())
        .col(ColumnDef::new("user_id").uuid())
        .col(ColumnDef::new("recipient").text().not_null())
        .col(ColumnDef::new("locale").text())
        .col(ColumnDef::new("sealed_variables").binary())
        .col(ColumnDef::new("attempts").integer().not_null())
        .col(time("created_at").not_null())
        .col(time("next_attempt_at"))
        .col(time("sent_at"))
        .col(ColumnDef::new("last_error").text())
        .to_owned();
    manager.create_table(table).await?;
    manager.create_index(index("outgoing_messages", &["next_attempt_at"])).await?;
    manager.create_index(index("outgoing_messages", &["user_id"])).await
}

async fn create_proofs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("email_proofs")
        .col(ColumnDef::new("id").uuid().primary_key())
        .col(key(manager, "purpose").not_null())
        .col(ColumnDef::new("user_id").uuid())
        .col(ColumnDef::new("email").text().not_null())
        .col(key(manager, "email_key").not_null())
        .col(ColumnDef::new("token_hash").binary().not_null())
        .col(ColumnDef::new("challenge_hash").binary())
        .col(ColumnDef::new("code_hash").binary())
        .col(ColumnDef::new("attempts").integer().not_null())
        .col(time("created_at").not_null())
        .col(time("expires_at").not_null())
        .col(time("used_at"))
        .to_owned();
    manager.create_table(table).await?;
    manager.create_index(index("email_proofs", &["token_hash"]).unique().to_owned()).await?;
    manager.create_index(index("email_proofs", &["challenge_hash"]).unique().to_owned()).await?;
    manager.create_index(index("email_proofs", &["email_key"])).await?;
    manager.create_index(index("email_proofs", &["user_id"])).await?;
    manager.create_index(index("email_proofs", &["expires_at"])).await
}
