use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use super::{
    error::CliError,
    open::{Absent, with_app},
    output::{Format, time},
    settings::Settings,
};
use crate::{
    clock::Timestamp,
    tokens::{KeyState, PublishedKey},
};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the keys of the database, the oldest first
    List(Format),
}

/// A key as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    kid: String,
    algorithm: String,
    state: &'static str,
    /// When it came into this state.
    since: Timestamp,
    created_at: Timestamp,
}

impl Keys {
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let Self::List(format) = self;
        let keys = with_app(settings, Absent::Refuse, async |app| Ok(app.keyring.list().await?))?;
        let rows: Vec<Row> = keys.into_iter().map(row).collect();
        format.write(out, ["KID", "ALGORITHM", "STATE", "SINCE", "CREATED"], &rows, |row| {
            let (state, since) = (row.state.to_owned(), time(row.since));
            [row.kid.clone(), row.algorithm.clone(), state, since, time(row.created_at)]
        })
    }
}

fn row(key: PublishedKey) -> Row {
    let (state, since) = match key.state {
        KeyState::Next { active_from } => ("next", active_from),
        KeyState::Active { active_from } => ("active", active_from),
        KeyState::Retired { active_until } => ("retired", active_until),
        KeyState::Revoked { revoked_at } => ("revoked", revoked_at),
    };
    Row { kid: key.kid, algorithm: key.algorithm, state, since, created_at: key.created_at }
}
