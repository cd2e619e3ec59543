//! The keys that sign access tokens, on the command line.

mod change;
mod list;

use std::io::Write;

use clap::Subcommand;

use super::{
    error::CliError,
    open::{IfMissing, with_app},
    output::Format,
    settings::Settings,
};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// List the keys of the database, in the order of their turn
    List(Format),
    /// Let a new key take over from the active one; by schedule it happens by itself
    Rotate(change::Rotate),
    /// Let a key take over that was made elsewhere
    Import(change::Import),
    /// Take a key out of service; its tokens stay good until they expire
    Retire(change::KeyArg),
    /// Withdraw a key with every token that it has signed, at once: for a key that was stolen
    Revoke(change::Revoke),
    /// Seal every key under the master secret that counts, after that has changed
    Rewrap,
}

impl Keys {
    pub(super) fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        with_app(settings, IfMissing::Fail, async |app| match self {
            Self::List(format) => list::run(&app, &format, out).await,
            Self::Rotate(rotate) => rotate.run(&app, out).await,
            Self::Import(import) => import.run(&app, out).await,
            Self::Retire(key) => change::retire(&app, &key, out).await,
            Self::Revoke(revoke) => revoke.run(&app, out).await,
            Self::Rewrap => change::rewrap(&app, out).await,
        })
    }
}
