//! `portcullis doctor`: checks the configuration, the files and the database, and changes nothing.

mod database;
mod documents;
mod files;
mod mail;
mod production;
mod report;

use std::io::Write;

use async_graphql::{ObjectType, SubscriptionType};
use clap::Args;

use self::report::Report;
use super::{error::CliError, log, output::Format, settings::Settings};
use crate::{config::LoadedConfig, schema::Roots};

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
    pub(super) async fn run<Q, M, S>(
        self,
        settings: &Settings,
        roots: Roots<Q, M, S>,
        out: &mut dyn Write,
    ) -> Result<(), CliError>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        let mut report = Report::default();
        match settings.load() {
            Ok(loaded) => {
                log::start_for_command(&loaded)?;
                let config = &loaded.config;
                examine(&loaded, &mut report);
                let secret = files::examine(config, &mut report);
                mail::examine(config, &mut report);
                documents::examine(config, roots, &mut report).await;
                Box::pin(database::examine(config, &settings.application, secret, &mut report)).await;
                production::examine(config, &mut report);
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

fn examine(loaded: &LoadedConfig, report: &mut Report) {
    let advice = loaded.warnings();
    if advice.is_empty() {
        report.ok("configuration", "all values are valid");
    }
    for advice in advice {
        report.warn(&advice.key, advice.text);
    }
}
