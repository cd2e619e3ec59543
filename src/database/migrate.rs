use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Database, history::History, is_unavailable};

/// The names of the migrations of Portcullis and of the application, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrations {
    /// The migrations that were applied to the database.
    pub applied: Vec<String>,
    /// The migrations that this release has yet to apply.
    pub pending: Vec<String>,
}

impl Database {
    /// Applies all pending migrations and returns their names. Replicas that start together do this one after another.
    ///
    /// # Errors
    /// The database is unavailable, was migrated by a later release, or belongs to another program, or its role must
    /// not create tables.
    #[doc(hidden)]
    pub async fn migrate_up(&self) -> Result<Vec<String>, DbErr> {
        let (found, of_application) = self.history().await?;
        let is_current = found.migrations.pending.is_empty() && of_application.pending.is_empty();
        if is_current && !found.is_earlier {
            return Ok(Vec::new());
        }
        if let Some(reason) = self.missing_privilege().await? {
            // The table of earlier releases is used until a role that may create tables moves its rows.
            return if is_current { Ok(Vec::new()) } else { Err(DbErr::Migration(reason)) };
        }
        tracing::info!("migrations are pending; waiting for the migration lock");
        let transaction = self.begin_exclusive().await?;
        // Another replica may have applied them while this one waited.
        let found = History::read(&transaction).await?;
        let of_application = self.0.application.read(&transaction).await?;
        found.take_over(&transaction).await?;
        Migrator::up(transaction.as_sea_orm(), None).await?;
        self.0.application.apply(transaction.as_sea_orm()).await?;
        found.drop_earlier(&transaction).await?;
        transaction.commit().await?;
        Ok([found.migrations.pending, of_application.pending].concat())
    }

    /// Reverts the last `steps` migrations, those of the application before those of Portcullis. This deletes the data
    /// of the tables and columns that they added.
    ///
    /// # Errors
    /// The database is unavailable, was migrated by a later release, or belongs to another program.
    #[doc(hidden)]
    pub async fn migrate_down(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.begin_exclusive().await?;
        let found = History::read(&transaction).await?;
        let of_application = self.0.application.read(&transaction).await?.applied.len();
        let of_application = u32::try_from(of_application).unwrap_or(u32::MAX).min(steps);
        found.take_over(&transaction).await?;
        self.0.application.revert(transaction.as_sea_orm(), of_application).await?;
        if steps > of_application {
            Migrator::down(transaction.as_sea_orm(), Some(steps - of_application)).await?;
        }
        found.drop_earlier(&transaction).await?;
        transaction.commit().await
    }

    /// The applied and the pending migrations. Those of the application come last.
    ///
    /// # Errors
    /// The database is unavailable, was migrated by a later release, or belongs to another program.
    #[doc(hidden)]
    pub async fn migrations(&self) -> Result<Migrations, DbErr> {
        let (found, of_application) = self.history().await?;
        let applied = [found.migrations.applied, of_application.applied].concat();
        let pending = [found.migrations.pending, of_application.pending].concat();
        Ok(Migrations { applied, pending })
    }

    /// The migrations of Portcullis, and those of the application.
    async fn history(&self) -> Result<(History, Migrations), DbErr> {
        let read = || async {
            Ok((History::read(self.reader()).await?, self.0.application.read(self.reader()).await?))
        };
        match read().await {
            // Another replica may have committed migrations between two statements of the first read.
            Err(error) if !is_unavailable(&error) => read().await,
            found => found,
        }
    }

    /// The reason why the role cannot apply migrations, with the remedy. `None` if it may create tables.
    ///
    /// # Errors
    /// The database is unavailable.
    #[doc(hidden)]
    pub async fn missing_privilege(&self) -> Result<Option<String>, DbErr> {
        if self.backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let sql = "SELECT quote_ident(current_user) AS role, quote_ident(current_schema()) AS schema, \
            current_setting('search_path') AS path, has_schema_privilege(current_schema(), 'CREATE') AS may_create";
        let row = self.0.reader.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let row = row.ok_or_else(|| DbErr::Custom("the database did not return its schema".to_owned()))?;
        let role: String = row.try_get("", "role")?;
        let Some(schema) = row.try_get::<Option<String>>("", "schema")? else {
            let path: String = row.try_get("", "path")?;
            return Ok(Some(format!(
                "migrations are pending, but search_path ({path}) contains no existing schema that the role {role} may \
                 use; let a database administrator run CREATE SCHEMA … AUTHORIZATION {role}, or GRANT USAGE, CREATE ON \
                 SCHEMA … TO {role}"
            )));
        };
        if row.try_get("", "may_create")? {
            return Ok(None);
        }
        Ok(Some(format!(
            "migrations are pending, but the role {role} may not create tables in the schema {schema}; let a database \
             administrator run GRANT CREATE ON SCHEMA {schema} TO {role}, or make the role the owner of its database \
             (ALTER DATABASE … OWNER TO {role})"
        )))
    }
}
