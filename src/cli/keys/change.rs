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

/// The argument that selects a key.
#[derive(Args)]
pub(crate) struct KeyArg {
    /// The key's id (kid), as shown by `portcullis keys list`
    #[arg(allow_hyphen_values = true)]
    kid: String,
}

/// The option for the time of activation.
#[derive(Args)]
struct ActivationArg {
    /// Activate the key within seconds, without waiting until all clients have fetched the key set again
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
    /// The algorithm of the new key [default: the value of `tokens.algorithm`]
    #[arg(long, value_name = "ALGORITHM", ignore_case = true)]
    alg: Option<SigningAlgorithm>,
}

#[derive(Args)]
pub(crate) struct Import {
    /// The file with the private key in PEM format: Ed25519, P-256 or RSA
    file: PathBuf,
    /// Read the file as a shared secret for HS256. Services that verify tokens need the same secret
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
        self.confirmation.ask(&format!("This revokes every access token that {kid} has signed."))?;
        app.admin.revoke_key(kid, Actor::Server).await.map_err(to_cli_error)?;
        Ok(writeln!(out, "revoked {kid}; clients must refresh their access tokens")?)
    }
}

pub(super) async fn retire(app: &App, key: &KeyArg, out: &mut dyn Write) -> Result<(), CliError> {
    app.admin.retire_key(&key.kid, Actor::Server).await.map_err(to_cli_error)?;
    Ok(writeln!(out, "retired {}; its tokens remain valid until they expire", key.kid)?)
}

pub(super) async fn rewrap(app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    let (keys, secrets) = app.admin.rewrap_keys().await.map_err(to_cli_error)?;
    let plural = |count| if count == 1 { "" } else { "s" };
    writeln!(out, "re-encrypted {keys} key{}", plural(keys))?;
    if secrets > 0 {
        writeln!(out, "re-encrypted {secrets} secret{} of authenticator apps", plural(secrets))?;
    }
    Ok(())
}

/// The key that is pending, if there is one. An immediate activation discards it.
async fn pending_key(app: &App) -> Result<Option<String>, CliError> {
    let mut keys = app.keyring.list().await?.into_iter();
    Ok(keys.find(|key| matches!(key.state, KeyState::Pending { .. })).map(|key| key.kid))
}

fn print_result(key: &KeyInfo, pending_key: Option<String>, out: &mut dyn Write) -> Result<(), CliError> {
    if let Some(dropped) = pending_key.filter(|pending_key| *pending_key != key.kid) {
        writeln!(out, "discarded {dropped}, which was pending")?;
    }
    let (KeyState::Pending { active_from } | KeyState::Active { active_from, .. }) = key.state else {
        return Ok(writeln!(out, "{} exists already", key.kid)?);
    };
    let is_known = if key.is_asymmetric() { "is published" } else { "is accepted but not published" };
    Ok(writeln!(
        out,
        "{} ({}) {is_known}, and becomes active at {}",
        key.kid,
        key.algorithm,
        time(active_from)
    )?)
}

/// The error message: why the keys were not changed, and what to do.
fn to_cli_error(error: AdminError) -> CliError {
    match error {
        AdminError::Database(error) | AdminError::Keyring(KeyringError::Database(error)) => error.into(),
        AdminError::Keyring(error @ KeyringError::AlreadyPending { .. }) => CliError::refused(format!(
            "{error}\nRun `portcullis keys rotate --now` to activate it now, or `portcullis keys retire` to discard it."
        )),
        AdminError::Keyring(error @ KeyringError::Unknown(_)) => {
            CliError::refused(format!("{error}; `portcullis keys list` shows all keys"))
        }
        AdminError::Keyring(error @ KeyringError::FromFile) => CliError::refused(format!(
            "{error}\nReplace the key in the file, or revoke a key of the database: `portcullis keys revoke`."
        )),
        AdminError::Keyring(error @ KeyringError::Retired(_)) => {
            CliError::refused(format!("{error}; `portcullis keys revoke` revokes its tokens as well"))
        }
        error => CliError::refused(error.to_string()),
    }
}
