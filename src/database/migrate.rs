use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, history::History, is_unavailable};

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
    /// When the database does not answer, was made by a later release, belongs to another program, or does not let
    /// its role make tables.
    pub async fn migrate_up(&self) -> Result<Vec<String>, DbErr> {
        let found = self.history().await?;
        if found.migrations.pending.is_empty() && !found.is_earlier {
            return Ok(Vec::new());
        }
        if let Some(reason) = self.missing_privilege().await? {
            // The earlier table of migrations serves until a role that may make tables takes it over.
            let is_current = found.migrations.pending.is_empty();
            return if is_current { Ok(Vec::new()) } else { Err(DbErr::Migration(reason)) };
        }
        tracing::info!("migrations are pending; waiting for the lock of the database");
        let transaction = self.begin_exclusive().await?;
        // Another replica may have done it while this one waited.
        let found = History::read(&transaction).await?;
        found.take_over(&transaction).await?;
        Migrator::up(&transaction, None).await?;
        found.drop_earlier(&transaction).await?;
        transaction.commit().await?;
        Ok(found.migrations.pending)
    }

    /// Takes back the last `steps` migrations, with the data that they brought.
    ///
    /// # Errors
    /// When the database does not answer, was made by a later release, or belongs to another program.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.begin_exclusive().await?;
        let found = History::read(&transaction).await?;
        found.take_over(&transaction).await?;
        Migrator::down(&transaction, Some(steps)).await?;
        found.drop_earlier(&transaction).await?;
        transaction.commit().await
    }

    /// Which migrations were applied, and which are pending.
    ///
    /// # Errors
    /// When the database does not answer, was made by a later release, or belongs to another program.
    pub async fn migrations(&self) -> Result<Migrations, DbErr> {
        Ok(self.history().await?.migrations)
    }

    async fn history(&self) -> Result<History, DbErr> {
        match History::read(self.reader()).await {
            // Another replica may have committed migrations between two statements; then all of them are there now.
            Err(error) if !is_unavailable(&error) => History::read(self.reader()).await,
            found => found,
        }
    }

    /// Why the role cannot apply migrations, with the remedy. `None` means that it can make tables.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn missing_privilege(&self) -> Result<Option<String>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let sql = "SELECT quote_ident(current_user) AS role, quote_ident(current_schema()) AS schema, \
            current_setting('search_path') AS path, has_schema_privilege(current_schema(), 'CREATE') AS may_create";
        let row = self.reader.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let row = row.ok_or_else(|| DbErr::Custom("the database does not name its schema".to_owned()))?;
        let role: String = row.try_get("", "role")?;
        let Some(schema) = row.try_get::<Option<String>>("", "schema")? else {
            let path: String = row.try_get("", "path")?;
            return Ok(Some(format!(
                "migrations are pending, and search_path ({path}) names no schema that exists and that the role {role} \
                 may use; let an administrator of the database run CREATE SCHEMA … AUTHORIZATION {role}, or GRANT USAGE, \
                 CREATE ON SCHEMA … TO {role}"
            )));
        };
        if row.try_get("", "may_create")? {
            return Ok(None);
        }
        Ok(Some(format!(
            "migrations are pending, and the role {role} may not make tables in the schema {schema}; let an \
             administrator of the database run GRANT CREATE ON SCHEMA {schema} TO {role}, or make the role the owner \
             of its database (ALTER DATABASE … OWNER TO {role})"
        )))
    }
}
