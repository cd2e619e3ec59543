use std::{collections::BTreeSet, fmt};

use migration::{MigrationTrait, MigratorTraitSelf};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr,
    sea_query::{DynIden, IntoIden},
};

use super::{
    Migrations,
    history::{of_later_release, tables, versions},
};

/// The table of the applied migrations of an application.
const TABLE: &str = "application_migrations";

/// The migrations of an application, which are applied after those of Portcullis and reverted before them.
#[derive(Clone, Copy)]
pub struct ApplicationMigrations(pub(crate) fn() -> Vec<Box<dyn MigrationTrait>>);

impl Default for ApplicationMigrations {
    fn default() -> Self {
        Self(Vec::new)
    }
}

impl fmt::Debug for ApplicationMigrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationMigrations").finish_non_exhaustive()
    }
}

impl MigratorTraitSelf for ApplicationMigrations {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        (self.0)()
    }

    fn migration_table_name(&self) -> DynIden {
        TABLE.into_iden()
    }
}

impl ApplicationMigrations {
    /// Reads which migrations are applied. A program without migrations ignores those of an application, because the
    /// `portcullis` binary administers the databases of applications as well.
    ///
    /// # Errors
    /// The database query failed, or a later release of the application has migrated the database.
    pub(super) async fn read(self, db: &impl ConnectionTrait) -> Result<Migrations, DbErr> {
        let known: Vec<String> = self.migrations().iter().map(|one| one.name().to_owned()).collect();
        if known.is_empty() {
            return Ok(Migrations::default());
        }
        let mut found = BTreeSet::new();
        if tables(db).await?.contains(TABLE) {
            found = versions(db, TABLE).await?;
        }
        let (applied, pending) = known.into_iter().partition(|name| found.remove(name));
        if found.is_empty() { Ok(Migrations { applied, pending }) } else { Err(of_later_release(&found)) }
    }

    /// Applies the pending migrations.
    pub(super) async fn apply(self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        if self.migrations().is_empty() { Ok(()) } else { self.up(db, None).await }
    }

    /// Reverts the last `steps` migrations.
    pub(super) async fn revert(self, db: &DatabaseTransaction, steps: u32) -> Result<(), DbErr> {
        if steps == 0 { Ok(()) } else { self.down(db, Some(steps)).await }
    }
}
