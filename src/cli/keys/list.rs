use std::io::Write;

use serde::Serialize;

use crate::{
    app::App,
    cli::{
        error::CliError,
        output::{Format, or_dash, time},
    },
    clock::Timestamp,
    tokens::{KeyInfo, KeyState},
};

/// A key as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    kid: String,
    algorithm: String,
    state: &'static str,
    /// The start of this state.
    since: Timestamp,
    /// The start of the next state. `None` if it is unknown.
    until: Option<Timestamp>,
    created_at: Timestamp,
}

pub(super) async fn run(app: &App, format: &Format, out: &mut dyn Write) -> Result<(), CliError> {
    let rows: Vec<Row> = app.keyring.list().await?.into_iter().map(row).collect();
    format.write(out, ["KID", "ALGORITHM", "STATE", "SINCE", "UNTIL", "CREATED"], &rows, |row| {
        let (state, until) = (row.state.to_owned(), or_dash(row.until.map(time)));
        [row.kid.clone(), row.algorithm.clone(), state, time(row.since), until, time(row.created_at)]
    })
}

fn row(key: KeyInfo) -> Row {
    let (state, since, until) = match key.state {
        KeyState::Pending { active_from } => ("next", key.created_at, Some(active_from)),
        KeyState::Active { active_from, active_until } => ("active", active_from, active_until),
        KeyState::Retired { active_until, published_until } => {
            ("retired", active_until, Some(published_until))
        }
        KeyState::Withdrawn { published_until } => ("withdrawn", published_until, None),
        KeyState::Revoked { revoked_at } => ("revoked", revoked_at, None),
    };
    Row { kid: key.kid, algorithm: key.algorithm, state, since, until, created_at: key.created_at }
}
