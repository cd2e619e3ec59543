use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::parse;
use crate::{
    app::App,
    cli::{
        error::CliError,
        output::{Format, time},
    },
    clock::Timestamp,
};

#[derive(Args)]
pub(in crate::cli) struct Suppress {
    /// The address
    address: Option<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(in crate::cli) struct Unsuppress {
    /// The address
    address: String,
}

/// A suppressed address as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    address: String,
    suppressed_at: Timestamp,
}

impl Suppress {
    pub(super) async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        if let Some(address) = &self.address {
            let address = parse(address)?;
            let address = address.as_str();
            let is_new = app.mail.suppress(address).await?;
            if is_new {
                writeln!(out, "no message is sent to {address} any more")?;
            } else {
                writeln!(out, "{address} is already suppressed")?;
            }
            return Ok(());
        }
        let row = |(address, suppressed_at)| Row { address, suppressed_at };
        let rows: Vec<Row> = app.mail.suppressed().await?.into_iter().map(row).collect();
        let head = ["ADDRESS", "SUPPRESSED"];
        self.format.write(out, head, &rows, |row| [row.address.clone(), time(row.suppressed_at)])
    }
}

impl Unsuppress {
    pub(super) async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let address = parse(&self.address)?;
        if !app.mail.unsuppress(address.as_str()).await? {
            return Err(CliError::refused(format!("{} is not suppressed", address.as_str())));
        }
        Ok(writeln!(out, "messages are sent to {} again", address.as_str())?)
    }
}
