use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::{error::CliError, output::Format, settings::Settings};
use crate::config::ConfigEntry;

#[derive(Args)]
pub(super) struct Config {
    #[command(flatten)]
    format: Format,
}

impl Config {
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let loaded = settings.load()?;
        for warning in loaded.ignored_variables() {
            writeln!(io::stderr(), "warning: {} {}", warning.key, warning.text)?;
        }
        let entries = loaded.entries();
        self.format.write(out, ["KEY", "VALUE", "SET IN"], &entries, |ConfigEntry { key, value, source }| {
            [key.clone(), shown(value), source.to_string()]
        })
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        // Other values are printed as JSON: on one line, with control characters escaped.
        Value::String(text) if !text.contains(char::is_control) => text.clone(),
        value => value.to_string(),
    }
}
