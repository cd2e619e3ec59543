//! `portcullis mail`: lists and retries messages, tries the mail server, shows templates, and suppresses addresses.

mod list;
mod preview;
mod suppress;

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    error::CliError,
    open::{IfMissing, with_app},
    output::{Format, json},
    settings::Settings,
};
use crate::{accounts::EmailAddress, app::App, id::MessageId};

#[derive(Subcommand)]
pub(super) enum Mail {
    /// List messages, newest first
    List(list::List),
    /// Send messages now that wait for their next attempt
    Retry(Retry),
    /// Send a test message at once, and print the response of the mail server
    Test(Test),
    /// Print a message with sample values
    Preview(preview::Preview),
    /// Send no message to an address any more. Without an address, list the suppressed ones
    Suppress(suppress::Suppress),
    /// Send messages to an address again
    Unsuppress(suppress::Unsuppress),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Retry {
    /// The id of the message (`message_…`)
    message: Option<MessageId>,
    /// Retry all messages
    #[arg(long)]
    all: bool,
}

#[derive(Args)]
pub(super) struct Test {
    /// The address of the recipient
    address: String,
    #[command(flatten)]
    format: Format,
}

/// The result of a test message as it is printed.
#[derive(Serialize)]
struct Sent<'a> {
    recipient: &'a str,
    response: String,
}

impl Mail {
    pub(super) async fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        if let Self::Preview(preview) = self {
            return preview.run(settings, out);
        }
        with_app(settings, IfMissing::Fail, async |app| match self {
            Self::List(list) => list.run(&app, out).await,
            Self::Retry(retry) => retry.run(&app, out).await,
            Self::Test(test) => test.run(&app, out).await,
            Self::Preview(_) => Ok(()),
            Self::Suppress(suppress) => suppress.run(&app, out).await,
            Self::Unsuppress(unsuppress) => unsuppress.run(&app, out).await,
        })
        .await
    }
}

impl Retry {
    async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let count = app.mail.retry(self.message).await?;
        if let (Some(id), 0) = (self.message, count) {
            return Err(CliError::refused(match app.mail.find(id).await? {
                None => format!("there is no message {id}"),
                Some(record) if record.next_attempt_at.is_some() => {
                    format!("{id} needs no retry: it is due or being sent")
                }
                Some(_) => format!(
                    "{id} is not queued any more. The link of a message is deleted when it was sent or given up, so its \
                     user must request a new one"
                ),
            }));
        }
        let plural = if count == 1 { "message is" } else { "messages are" };
        Ok(writeln!(out, "{count} {plural} due; the server sends them within seconds")?)
    }
}

impl Test {
    async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let recipient = parse(&self.address)?;
        let sent = app.mail.send_test(recipient.as_str()).await;
        let response =
            sent.map_err(|error| CliError::refused(format!("the message was not sent: {error}")))?;
        if self.format.json {
            return json(out, &Sent { recipient: recipient.as_str(), response });
        }
        Ok(writeln!(out, "sent to {}: {response}", recipient.as_str())?)
    }
}

/// Parses an address of the command line.
fn parse(address: &str) -> Result<EmailAddress, CliError> {
    EmailAddress::parse(address).map_err(|_| CliError::refused(format!("{address} is not an e-mail address")))
}
