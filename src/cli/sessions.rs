use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    error::CliError,
    open::{IfMissing, with_app},
    output::{Format, or_dash, time},
    settings::Settings,
    users::{find, to_cli_error},
};
use crate::{
    app::App,
    audit::Actor,
    clock::Timestamp,
    database::PageRequest,
    id::{SessionId, UserId},
    sessions::Session,
};

#[derive(Subcommand)]
pub(super) enum Sessions {
    /// List the active sessions of an account, newest first
    List(List),
    /// Revoke one session, or all sessions of an account
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct List {
    /// The account's username or id (`user_…`)
    user: String,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Revoke {
    /// The id of the session to revoke (`session_…`)
    session: Option<SessionId>,
    /// Revoke all sessions of this account: its username or id (`user_…`)
    #[arg(long)]
    user: Option<String>,
}

/// A session as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: SessionId,
    user_id: UserId,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

impl Sessions {
    pub(super) async fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        with_app(settings, IfMissing::Fail, async |app| match self {
            Self::List(list) => list.run(&app, out).await,
            Self::Revoke(revoke) => revoke.run(&app, out).await,
        })
        .await
    }
}

impl List {
    async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let user = find(app, &self.user).await?.id;
        let sessions = &app.sessions;
        let read = |page| async move { sessions.list(user, &page).await };
        let found = PageRequest::read_all(usize::MAX, |session: &Session| session.id, read).await?;
        let rows: Vec<Row> = found.into_iter().map(row).collect();
        let head = ["SESSION", "SIGNED IN", "LAST USED", "EXPIRES", "ADDRESS", "CLIENT"];
        self.format.write(out, head, &rows, |row| {
            let [created, used, expires] = [row.created_at, row.last_used_at, row.expires_at].map(time);
            let client = [row.ip_address.clone(), row.user_agent.clone()];
            let [address, agent] = client.map(or_dash);
            [row.id.to_string(), created, used, expires, address, agent]
        })
    }
}

impl Revoke {
    async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        if let Some(id) = self.session {
            let revoked = app.admin.revoke_session(id, Actor::Server).await;
            return match revoked.map_err(|error| to_cli_error(error, app, ""))? {
                Some(session) => Ok(writeln!(out, "revoked {} of {}", session.id, session.user)?),
                None => Err(CliError::refused(format!("there is no active session {id}"))),
            };
        }
        let user = find(app, &self.user.unwrap_or_default()).await?;
        let ended = app.admin.revoke_user_sessions(user.id, Actor::Server).await;
        let count = ended.map_err(|error| to_cli_error(error, app, &user.username))?;
        Ok(writeln!(
            out,
            "revoked {count} session{} of {}",
            if count == 1 { "" } else { "s" },
            user.username
        )?)
    }
}

fn row(session: Session) -> Row {
    Row {
        id: session.id,
        user_id: session.user,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        ip_address: session.ip_address,
        user_agent: session.user_agent,
    }
}
