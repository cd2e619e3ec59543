use std::collections::BTreeSet;

use migration::{EARLIER_MIGRATIONS_TABLE, MIGRATIONS_TABLE, Migrator, MigratorTrait, TABLES};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::Migrations;

/// The migrations that are recorded in a database.
pub(super) struct History {
    pub(super) migrations: Migrations,
    /// Whether they are in the table of earlier releases, which may also contain the migrations of an application.
    pub(super) is_earlier: bool,
}

impl History {
    /// Reads the table of migrations.
    ///
    /// # Errors
    /// The database is unavailable, was migrated by a later release, or belongs to another program.
    pub(super) async fn read(db: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let known: Vec<String> = Migrator::migrations().iter().map(|one| one.name().to_owned()).collect();
        let tables = tables(db).await?;
        let mut found = BTreeSet::new();
        let is_own = tables.contains(MIGRATIONS_TABLE);
        if is_own {
            found = versions(db, MIGRATIONS_TABLE).await?;
        } else if tables.contains(EARLIER_MIGRATIONS_TABLE) && tables.contains(TABLES[0]) {
            found = versions(db, EARLIER_MIGRATIONS_TABLE).await?;
            // The other rows belong to an application, because later releases use a table of their own.
            found.retain(|version| known.contains(version));
        }
        let (applied, pending): (Vec<_>, Vec<_>) = known.into_iter().partition(|name| found.remove(name));
        if !found.is_empty() {
            return Err(of_later_release(&found));
        }
        let foreign = TABLES.iter().find(|table| applied.is_empty() && tables.contains(**table));
        if let Some(table) = foreign {
            return Err(of_another_program(table));
        }
        let is_earlier = !is_own && !applied.is_empty();
        Ok(Self { migrations: Migrations { applied, pending }, is_earlier })
    }

    /// Moves our rows from the table of earlier releases to our own.
    pub(super) async fn take_over(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        if !self.is_earlier {
            return Ok(());
        }
        Migrator::install(db).await?;
        let ours = self.migrations.applied.join("', '");
        let of_ours = format!("FROM {EARLIER_MIGRATIONS_TABLE} WHERE version IN ('{ours}')");
        let copy = format!(
            "INSERT INTO {MIGRATIONS_TABLE} (version, applied_at) SELECT version, applied_at {of_ours}"
        );
        db.execute_unprepared(&copy).await?;
        db.execute_unprepared(&format!("DELETE {of_ours}")).await?;
        Ok(())
    }

    /// Drops the table of earlier releases, unless it contains rows of an application.
    pub(super) async fn drop_earlier(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        if !self.is_earlier {
            return Ok(());
        }
        if db.get_database_backend() == DbBackend::Postgres {
            // The lock keeps an application from adding a row between the check and the drop.
            db.execute_unprepared(&format!("LOCK TABLE {EARLIER_MIGRATIONS_TABLE} IN ACCESS EXCLUSIVE MODE"))
                .await?;
        }
        if versions(db, EARLIER_MIGRATIONS_TABLE).await?.is_empty() {
            db.execute_unprepared(&format!("DROP TABLE {EARLIER_MIGRATIONS_TABLE}")).await?;
        }
        Ok(())
    }
}

/// The names of all tables and views of the schema, including those that the role may not read.
pub(super) async fn tables(db: &impl ConnectionTrait) -> Result<BTreeSet<String>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT c.relname::text AS name FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        }
        _ => "SELECT lower(name) AS name FROM sqlite_master WHERE type IN ('table', 'view')",
    };
    column(db, sql, "name").await
}

pub(super) async fn versions(db: &impl ConnectionTrait, table: &str) -> Result<BTreeSet<String>, DbErr> {
    column(db, &format!("SELECT version FROM {table}"), "version").await
}

async fn column(db: &impl ConnectionTrait, sql: &str, name: &str) -> Result<BTreeSet<String>, DbErr> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get("", name)).collect()
}

pub(super) fn of_later_release(unknown: &BTreeSet<String>) -> DbErr {
    let last = unknown.last().map_or("", String::as_str);
    DbErr::Migration(format!(
        "it was migrated by a later release, which applied {} migrations that this release does not have (the last is \
         {last}); run that release, or restore an earlier backup",
        unknown.len()
    ))
}

fn of_another_program(table: &str) -> DbErr {
    DbErr::Migration(format!(
        "it belongs to another program: it has a table {table}, but no migrations of Portcullis; set database.url to \
         another database, or on PostgreSQL use a separate schema (docs/postgresql.md)"
    ))
}
