use std::io::Write;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::{
    app::App,
    cli::{
        error::CliError,
        output::{Format, or_dash, time},
    },
    clock::Timestamp,
    database::PageRequest,
    id::{MessageId, UserId},
    mail::{MessageFilter, MessageRecord, MessageState},
};

#[derive(Args)]
pub(in crate::cli) struct List {
    /// Only messages in this state
    #[arg(long)]
    state: Option<State>,
    /// The maximum number of messages
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// To be sent, or being sent
    Queued,
    /// Accepted by the mail server
    Sent,
    /// Given up
    Failed,
}

/// A message as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: MessageId,
    kind: String,
    state: MessageState,
    recipient: String,
    user_id: Option<UserId>,
    attempts: i32,
    created_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    error: Option<String>,
}

impl List {
    pub(super) async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let state = self.state.map(|state| match state {
            State::Queued => MessageState::Queued,
            State::Sent => MessageState::Sent,
            State::Failed => MessageState::Failed,
        });
        let (mail, filter) = (&app.mail, MessageFilter { state, user: None });
        let read = |page| async move { mail.list(filter, &page).await };
        let found = PageRequest::read_all(self.limit, |record: &MessageRecord| record.id, read).await?;
        let rows: Vec<Row> = found.into_iter().map(row).collect();
        let head = ["MESSAGE", "KIND", "STATE", "RECIPIENT", "CREATED", "ATTEMPTS", "NEXT ATTEMPT", "ERROR"];
        self.format.write(out, head, &rows, |row| {
            let state = match row.state {
                MessageState::Queued => "queued",
                MessageState::Sent => "sent",
                MessageState::Failed => "failed",
            };
            let (created, next) = (time(row.created_at), or_dash(row.next_attempt_at.map(time)));
            let (id, kind, attempts) = (row.id.to_string(), row.kind.clone(), row.attempts.to_string());
            let (recipient, error) = (row.recipient.clone(), or_dash(row.error.clone()));
            [id, kind, state.to_owned(), recipient, created, attempts, next, error]
        })
    }
}

fn row(record: MessageRecord) -> Row {
    Row {
        id: record.id,
        kind: record.kind,
        state: record.state,
        recipient: record.recipient,
        user_id: record.user,
        attempts: record.attempts,
        created_at: record.created_at,
        next_attempt_at: record.next_attempt_at,
        sent_at: record.sent_at,
        error: record.error,
    }
}
