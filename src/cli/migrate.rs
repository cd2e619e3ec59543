use std::io::Write;

use clap::{Args, Subcommand, value_parser};
use serde::Serialize;

use super::{
    ask::Confirmation,
    error::CliError,
    log,
    open::{IfMissing, find_database},
    output::Format,
    settings::Settings,
};
use crate::database::Database;

#[derive(Subcommand)]
pub(super) enum Migrate {
    /// Apply all pending migrations. The server also does this when it starts
    Up,
    /// Revert the latest migrations and delete the data that they added
    Down(Down),
    /// List all migrations. Exits with status 3 if any are pending
    Status(Format),
}

#[derive(Args)]
pub(super) struct Down {
    /// Number of migrations to revert
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    steps: u32,
    #[command(flatten)]
    confirmation: Confirmation,
}

/// A migration as it is printed.
#[derive(Serialize)]
struct Row {
    name: String,
    state: &'static str,
}

impl Migrate {
    pub(super) async fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let loaded = settings.load()?;
        log::start_for_command(&loaded)?;
        let if_missing = if matches!(self, Self::Up) { IfMissing::Create } else { IfMissing::Fail };
        find_database(&loaded.config, if_missing)?;
        let database = Database::connect(&loaded.config, settings.application.parts.migrations).await?;
        let done = match self {
            Self::Up => up(&database, out).await,
            Self::Down(down) => down.run(&database, &loaded.config.database_name(), out).await,
            Self::Status(format) => status(&database, &format, out).await,
        };
        database.close().await;
        done
    }
}

async fn up(database: &Database, out: &mut dyn Write) -> Result<(), CliError> {
    let applied = database.migrate_up().await?;
    for name in &applied {
        writeln!(out, "applied {name}")?;
    }
    if applied.is_empty() {
        writeln!(out, "nothing to do: the database is up to date")?;
    }
    Ok(())
}

impl Down {
    async fn run(&self, database: &Database, name: &str, out: &mut dyn Write) -> Result<(), CliError> {
        let applied = database.migrations().await?.applied;
        let last: Vec<String> = applied.into_iter().rev().take(self.steps as usize).collect();
        let (Some(first), steps) = (last.last(), u32::try_from(last.len()).unwrap_or(self.steps)) else {
            return Ok(writeln!(out, "nothing to do: no migration is applied")?);
        };
        let question = format!("This deletes all data of {name} that {first} or a later migration added.");
        self.confirmation.ask(&question)?;
        database.migrate_down(steps).await?;
        for name in last {
            writeln!(out, "reverted {name}")?;
        }
        Ok(())
    }
}

async fn status(database: &Database, format: &Format, out: &mut dyn Write) -> Result<(), CliError> {
    let migrations = database.migrations().await?;
    let rows = |names: Vec<String>, state| names.into_iter().map(move |name| Row { name, state });
    let pending = migrations.pending.len();
    let rows: Vec<Row> =
        rows(migrations.applied, "applied").chain(rows(migrations.pending, "pending")).collect();
    format.write(out, ["MIGRATION", "STATE"], &rows, |row| [row.name.clone(), row.state.to_owned()])?;
    out.flush()?;
    if pending > 0 { Err(CliError::Pending(pending)) } else { Ok(()) }
}
