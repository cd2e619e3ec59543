//! Definitions of columns and indexes that several tables share.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// A text column that is compared and sorted by bytes, on both databases and with any locale.
pub(crate) fn key(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text();
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra(r#"COLLATE "C""#);
    }
    column
}

/// A column with a time, in milliseconds since the Unix epoch.
pub(crate) fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().to_owned()
}

/// An index with the name `table_columns`.
pub(crate) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let name = format!("{table}_{}", columns.join("_"));
    columns.iter().fold(Index::create().name(name).table(table).to_owned(), |mut index, column| {
        index.col(*column).to_owned()
    })
}
