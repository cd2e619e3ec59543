//! The migrations of the application.

use sea_orm_migration::prelude::*;

/// Creates the tables of the application.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateNotes)]
    }
}

struct CreateNotes;

impl MigrationName for CreateNotes {
    fn name(&self) -> &'static str {
        "m20261127_000001_notes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateNotes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The notes of an account are deleted with it.
        let mut owner = ForeignKey::create();
        owner.from("notes", "owner_id").to("users", "id").on_delete(ForeignKeyAction::Cascade);
        let table = Table::create()
            .table("notes")
            .col(ColumnDef::new("id").uuid().primary_key())
            .col(ColumnDef::new("owner_id").uuid().not_null())
            .col(ColumnDef::new("text").text().not_null())
            .col(ColumnDef::new("created_at").big_integer().not_null())
            .foreign_key(&mut owner)
            .to_owned();
        manager.create_table(table).await?;
        let by_owner =
            Index::create().name("notes_owner_id").table("notes").col("owner_id").col("id").to_owned();
        manager.create_index(by_owner).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("notes").to_owned()).await
    }
}
