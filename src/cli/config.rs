use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use super::{error::CliError, output::Format, settings::Settings};
use crate::config::Origin;

#[derive(Args)]
pub(super) struct Config {
    #[command(flatten)]
    format: Format,
}

impl Config {
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let loaded = settings.load()?;
        for warning in loaded.ignored() {
            writeln!(io::stderr(), "warning: {} {}", warning.key, warning.text)?;
        }
        let origins = loaded.origins();
        self.format.write(out, ["KEY", "VALUE", "SET IN"], &origins, |Origin { key, value, source }| {
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
