use std::{io::Write, path::PathBuf};

use clap::Args;

use crate::{
    admin::AdminError,
    app::App,
    audit::Actor,
    cli::{ask::Confirmation, error::CliError, output::time},
    config::SigningAlgorithm,
    tokens::{Activation, KeyError, KeyInfo, KeyState, KeyringError, SigningKey},
};

/// Which key.
#[derive(Args)]
pub(crate) struct KeyArg {
    /// The key's name, as `portcullis keys list` shows it
    #[arg(allow_hyphen_values = true)]
    kid: String,
}

/// When it begins.
#[derive(Args)]
struct ActivationArg {
    /// Sign with it within seconds, and not only when everybody has read the published keys again
    #[arg(long)]
    now: bool,
}

impl ActivationArg {
    fn activation(&self) -> Activation {
        if self.now { Activation::Immediate } else { Activation::Scheduled }
    }
}

#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    activation: ActivationArg,
    /// What the new key is; without it: `tokens.algorithm`
    #[arg(long, value_name = "ALGORITHM", ignore_case = true)]
    alg: Option<SigningAlgorithm>,
}

#[derive(Args)]
pub(crate) struct Import {
    /// A private key in PEM: Ed25519, P-256 or RSA
    file: PathBuf,
    /// The file holds a secret for HS256, to be shared with the service that verifies
    #[arg(long)]
    secret: bool,
    #[command(flatten)]
    activation: ActivationArg,
}

#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Rotate {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let pending_key = pending_key(app).await?;
        let rotated = app.admin.rotate_keys(self.alg, self.activation.activation(), Actor::Server).await;
        print_result(&rotated.map_err(to_cli_error)?, pending_key, out)
    }
}

impl Import {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let read = if self.secret { SigningKey::from_secret_file } else { SigningKey::from_pem_file };
        let key = read(&self.file).map_err(|error: KeyError| CliError::refused(error.to_string()))?;
        let pending_key = pending_key(app).await?;
        let imported = app.admin.import_key(&key, self.activation.activation(), Actor::Server).await;
        print_result(&imported.map_err(to_cli_error)?, pending_key, out)
    }
}

impl Revoke {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let kid = &self.key.kid;
        self.confirmation.ask(&format!("This voids every access token that {kid} has signed."))?;
        app.admin.revoke_key(kid, Actor::Server).await.map_err(to_cli_error)?;
        Ok(writeln!(out, "revoked {kid}; clients refresh their access tokens")?)
    }
}

pub(super) async fn retire(app: &App, key: &KeyArg, out: &mut dyn Write) -> Result<(), CliError> {
    app.admin.retire_key(&key.kid, Actor::Server).await.map_err(to_cli_error)?;
    Ok(writeln!(out, "retired {}; its tokens stay good until they expire", key.kid)?)
}

pub(super) async fn rewrap(app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    let count = app.admin.rewrap_keys().await.map_err(to_cli_error)?;
    Ok(writeln!(out, "sealed {count} key{} anew", if count == 1 { "" } else { "s" })?)
}

/// The key that waits for its turn; a key that comes in a hurry takes it away.
async fn pending_key(app: &App) -> Result<Option<String>, CliError> {
    let mut keys = app.keyring.list().await?.into_iter();
    Ok(keys.find(|key| matches!(key.state, KeyState::Pending { .. })).map(|key| key.kid))
}

fn print_result(key: &KeyInfo, pending_key: Option<String>, out: &mut dyn Write) -> Result<(), CliError> {
    if let Some(dropped) = pending_key.filter(|pending_key| *pending_key != key.kid) {
        writeln!(out, "dropped {dropped}, which was to sign next")?;
    }
    let (KeyState::Pending { active_from } | KeyState::Active { active_from, .. }) = key.state else {
        return Ok(writeln!(out, "{} is there", key.kid)?);
    };
    let is_known = if key.is_asymmetric() { "is published" } else { "is accepted, and not published," };
    Ok(writeln!(out, "{} ({}) {is_known} and signs from {} on", key.kid, key.algorithm, time(active_from))?)
}

/// Says why the keys were not changed, and what to do.
fn to_cli_error(error: AdminError) -> CliError {
    match error {
        AdminError::Database(error) | AdminError::Keyring(KeyringError::Database(error)) => error.into(),
        AdminError::Keyring(error @ KeyringError::AlreadyPending { .. }) => CliError::refused(format!(
            "{error}\n`portcullis keys rotate --now` lets it take over at once, `portcullis keys retire` drops it."
        )),
        AdminError::Keyring(error @ KeyringError::Unknown(_)) => {
            CliError::refused(format!("{error}; `portcullis keys list` shows which there are"))
        }
        AdminError::Keyring(error @ KeyringError::FromFile) => CliError::refused(format!(
            "{error}\nPut another key into the file, or `portcullis keys revoke` a key of the database."
        )),
        AdminError::Keyring(error @ KeyringError::Retired(_)) => {
            CliError::refused(format!("{error}; `portcullis keys revoke` voids its tokens"))
        }
        error => CliError::refused(error.to_string()),
    }
}
