//! `portcullis doctor`: checks the configuration, the files and the database, and changes nothing.

mod database;
mod documents;
mod files;
mod production;
mod report;

use std::io::Write;

use clap::Args;

use self::report::Report;
use super::{error::CliError, log, open::block_on, output::Format, settings::Settings};
use crate::config::LoadedConfig;

#[derive(Args)]
pub(super) struct Doctor {
    /// Exit with status 1 on warnings as well
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    format: Format,
}

impl Doctor {
    /// Prints the report.
    ///
    /// # Errors
    /// If a check failed: the server would not start, or would not be safe. With `--strict`, also on a warning.
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let mut report = Report::default();
        match settings.load() {
            Ok(loaded) => {
                log::start_for_command(&loaded)?;
                examine(&loaded, &mut report)?;
            }
            Err(error) => {
                for mistake in error.each() {
                    report.fail("configuration", mistake.to_string());
                }
            }
        }
        report.write(&self.format, out)?;
        report.verdict(self.strict)
    }
}

fn examine(loaded: &LoadedConfig, report: &mut Report) -> Result<(), CliError> {
    let config = &loaded.config;
    let advice = loaded.warnings();
    if advice.is_empty() {
        report.ok("configuration", "all values are valid");
    }
    for advice in advice {
        report.warn(&advice.key, advice.text);
    }
    let secret = files::examine(config, report);
    block_on(async {
        documents::examine(config, report).await;
        Box::pin(database::examine(config, secret, report)).await;
        Ok(())
    })?;
    production::examine(config, report);
    Ok(())
}
