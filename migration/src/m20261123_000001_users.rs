use sea_orm_migration::prelude::*;

use crate::column::{index, key, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(users(manager)).await?;
        manager.create_index(index("users", &["username_key"]).unique().to_owned()).await?;
        manager.create_index(index("users", &["email_key"])).await?;
        manager.create_index(index("users", &["display_name_key"])).await?;
        manager.create_index(index("users", &["created_at", "id"])).await?;
        let sql = "CREATE UNIQUE INDEX users_verified_email ON users (email_key) WHERE email_verified";
        manager.get_connection().execute_unprepared(sql).await?;
        let sql = "CREATE INDEX users_last_login_at_id ON users (COALESCE(last_login_at, 0), id)";
        manager.get_connection().execute_unprepared(sql).await?;
        manager.create_table(user_roles()).await?;
        manager.create_index(index("user_roles", &["role", "user_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("user_roles").to_owned()).await?;
        manager.drop_table(Table::drop().table("users").to_owned()).await
    }
}

fn users(manager: &SchemaManager<'_>) -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(ColumnDef::new("id").uuid().primary_key())
        .col(ColumnDef::new("username").text().not_null())
        .col(key(manager, "username_key").not_null())
        .col(ColumnDef::new("display_name").text())
        .col(key(manager, "display_name_key"))
        .col(ColumnDef::new("email").text())
        .col(key(manager, "email_key"))
        .col(ColumnDef::new("email_verified").boolean().not_null())
        .col(ColumnDef::new("password_hash").text().not_null())
        .col(ColumnDef::new("disabled").boolean().not_null())
        .col(ColumnDef::new("epoch").big_integer().not_null())
        .col(time("created_at").not_null())
        .col(time("updated_at").not_null())
        .col(time("last_login_at"))
        .to_owned()
}

fn user_roles() -> TableCreateStatement {
    Table::create()
        .table("user_roles")
        .col(ColumnDef::new("user_id").uuid().not_null())
        .col(ColumnDef::new("role").text().not_null())
        .primary_key(Index::create().col("user_id").col("role"))
        .foreign_key(
            ForeignKey::create()
                .from("user_roles", "user_id")
                .to("users", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
