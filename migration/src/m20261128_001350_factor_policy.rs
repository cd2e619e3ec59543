use sea_orm_migration::prelude::*;

/// Adds to accounts since when a policy requires a second factor, and to sign-ins the secret of an authenticator app that
/// is added with their second step.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let since = ColumnDef::new("factor_required_since").big_integer().to_owned();
        manager.alter_table(Table::alter().table("users").add_column(since).to_owned()).await?;
        let secret = ColumnDef::new("sealed_secret").binary().to_owned();
        manager.alter_table(Table::alter().table("sign_in_challenges").add_column(secret).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [("sign_in_challenges", "sealed_secret"), ("users", "factor_required_since")] {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
