//! `portcullis keys`: lists and changes the signing keys.

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
    /// List the keys of the database in the order of their activation
    List(Format),
    /// Create a new key that replaces the active one. Servers do this on schedule by themselves
    Rotate(change::Rotate),
    /// Import a key that replaces the active one
    Import(change::Import),
    /// Stop signing with a key. Its tokens remain valid until they expire
    Retire(change::KeyArg),
    /// Revoke a key and all its tokens immediately, for example because it was stolen
    Revoke(change::Revoke),
    /// Re-encrypt all keys with the current master secret, after you have changed it
    Rewrap,
}

impl Keys {
    pub(super) async fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        with_app(settings, IfMissing::Fail, async |app| match self {
            Self::List(format) => list::run(&app, &format, out).await,
            Self::Rotate(rotate) => rotate.run(&app, out).await,
            Self::Import(import) => import.run(&app, out).await,
            Self::Retire(key) => change::retire(&app, &key, out).await,
            Self::Revoke(revoke) => revoke.run(&app, out).await,
            Self::Rewrap => change::rewrap(&app, out).await,
        })
        .await
    }
}
