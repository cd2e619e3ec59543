//! Columns that several tables have alike.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// Text that is compared and sorted by its bytes, in every database and under every locale.
pub(crate) fn key(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra(r#"COLLATE "C""#);
    }
    column
}

/// A time: milliseconds since the Unix epoch.
pub(crate) fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().to_owned()
}

/// An index called `table_columns`.
pub(crate) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let name = format!("{table}_{}", columns.join("_"));
    columns.iter().fold(Index::create().name(name).table(table).to_owned(), |mut index, column| {
        index.col(*column).to_owned()
    })
}
