use migration::{MigrationStatus, Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbErr};

use super::Database;

/// Which migrations a database has seen, by name and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrations {
    /// Those that were applied.
    pub applied: Vec<String>,
    /// Those that this release would apply.
    pub pending: Vec<String>,
}

impl Database {
    /// Brings the database up to this release. Replicas that start together do it one after another.
    ///
    /// # Errors
    /// When the database does not answer, or was made by a later release.
    pub async fn migrate_up(&self) -> Result<Vec<String>, DbErr> {
        if self.migrations().await?.pending.is_empty() {
            return Ok(Vec::new());
        }
        tracing::info!("migrations are pending; waiting for the lock of the database");
        let transaction = self.begin_exclusive().await?;
        // Another replica may have done it while this one waited.
        let pending = migrations(&transaction).await?.pending;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await?;
        Ok(pending)
    }

    /// Takes back the last `steps` migrations, with the data that they brought.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.begin_exclusive().await?;
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await
    }

    /// Which migrations were applied, and which are pending.
    ///
    /// # Errors
    /// When the database does not answer, or was made by a later release.
    pub async fn migrations(&self) -> Result<Migrations, DbErr> {
        migrations(self.reader()).await
    }
}

async fn migrations(db: &impl ConnectionTrait) -> Result<Migrations, DbErr> {
    let all = Migrator::get_migration_with_status_read_only(db).await?;
    let of = |status: MigrationStatus| {
        let same = all.iter().filter(|migration| migration.status() == status);
        same.map(|migration| migration.name().to_owned()).collect()
    };
    Ok(Migrations { applied: of(MigrationStatus::Applied), pending: of(MigrationStatus::Pending) })
}
