//! The master secret of a start: configured by the operator, stored in the data folder, or created by the first start.
//!
//! The first start creates the secret in the file `secret.new`, and renames it to `secret` when the database has a key
//! that is encrypted under it. So if there is a file `secret` but the database has no keys, then the database was
//! lost, was copied without its write-ahead log, or is another one. The start fails then, because a server with new
//! keys would hide the loss. After an interrupted first start, the file still has its first name, and the next start
//! succeeds. None of this applies to a secret that the operator configures.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::AppError;
use crate::{
    accounts::Accounts,
    config::Config,
    database::Database,
    secret::{MasterSecret, MasterSecrets, PrivateFileError, SecretError, make_private_folder, sync_folder},
    tokens::Keyring,
};

/// The master secrets that exist at a start, before the database is read.
pub(super) struct FoundSecret {
    masters: Option<MasterSecrets>,
    /// The file in the data folder, if an earlier start has encrypted a key under it.
    stored: Option<PathBuf>,
}

impl FoundSecret {
    pub(super) fn find(config: &Config) -> Result<Self, SecretError> {
        // The order matters: if the file exists before the database is read, then the database must have a key.
        let stored = stored_secret(config);
        Ok(Self { masters: load_master_secrets(config)?, stored })
    }

    /// Returns an error if the file of the database does not exist, but a secret for its keys does.
    pub(super) fn check_missing_file(&self, config: &Config) -> Result<(), AppError> {
        match config.sqlite_file() {
            Some(path) if !path.exists() => self.check_empty_database(config),
            _ => Ok(()),
        }
    }

    /// Returns an error for a database without keys if the data folder has a secret for keys.
    pub(super) fn check_empty_database(&self, config: &Config) -> Result<(), AppError> {
        keys_missing(config, self.stored.clone())
    }

    /// The secrets for a database whose migrations are applied. Creates the first secret if the database has no keys.
    pub(super) async fn load_or_create(
        self,
        config: &Config,
        database: &Database,
    ) -> Result<MasterSecrets, AppError> {
        let name = config.database_name();
        if !Keyring::is_empty(database).await? {
            // Another server that starts at the same time may have created the secret and the key in the meantime.
            let masters =
                self.masters.map_or_else(|| load_master_secrets(config), |masters| Ok(Some(masters)))?;
            return masters.ok_or(AppError::SecretMissing { name });
        }
        // A database without keys may be in use with the key of `tokens.signing_key_file`.
        if config.tokens.signing_key_file.is_none() && !Accounts::exist(database).await? {
            self.check_empty_database(config)?;
            tracing::info!(
                database = name,
                "the database is empty; if it should contain data, stop the server and check database.url, data_dir \
                 and the backup"
            );
        }
        self.masters.map_or_else(|| create(config), Ok)
    }
}

/// Loads the master secrets from the configuration or the data folder. `None` if the first start has yet to create one.
///
/// # Errors
/// A secret is too short, cannot be read, or can be read by other users.
pub fn load_master_secrets(config: &Config) -> Result<Option<MasterSecrets>, SecretError> {
    let current = match (&config.secret, &config.secret_file) {
        (Some(secret), _) => MasterSecret::new(secret)?,
        (None, Some(path)) => MasterSecret::read(path)?,
        (None, None) => match load_from_data_dir(config)? {
            Some(secret) => secret,
            None => return Ok(None),
        },
    };
    Ok(Some(MasterSecrets { current, secondary: secondary(config)? }))
}

/// Checks that a database may be empty: the data folder has no secret of a database with keys.
///
/// # Errors
/// [`AppError::KeysMissing`]
pub fn check_empty_database(config: &Config) -> Result<(), AppError> {
    keys_missing(config, stored_secret(config))
}

fn keys_missing(config: &Config, stored: Option<PathBuf>) -> Result<(), AppError> {
    match stored {
        Some(secret) => Err(AppError::KeysMissing { name: config.database_name(), secret }),
        None => Ok(()),
    }
}

/// Gives the secret of a first start its final name.
pub(super) fn finalize(config: &Config) -> Result<(), SecretError> {
    if is_configured(config) {
        return Ok(());
    }
    let (new, stored) = (new_path(config), stored_path(config));
    // A rename could replace a secret that another start has finalized in the meantime. A hard link cannot.
    match fs::hard_link(&new, &stored).and_then(|()| sync_folder(&stored)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(SecretError::Create { path: stored, source: error })
        }
        _ => {
            fs::remove_file(&new).ok();
            Ok(())
        }
    }
}

/// Creates a secret in the data folder, for a database without keys.
fn create(config: &Config) -> Result<MasterSecrets, AppError> {
    let failed = |source| AppError::DataDir { path: config.data_dir.clone(), source };
    make_private_folder(&config.data_dir).map_err(failed)?;
    let (new, stored) = (new_path(config), stored_path(config));
    let created = MasterSecret::create(&new);
    // A server that started at the same time may have finalized its secret just before.
    let current = match read_if_exists(&stored)? {
        Some(secret) => {
            fs::remove_file(&new).ok();
            secret
        }
        None => created?,
    };
    tracing::info!(path = %stored.display(), "the master secret was created; keep a copy of it");
    Ok(MasterSecrets { current, secondary: secondary(config)? })
}

fn load_from_data_dir(config: &Config) -> Result<Option<MasterSecret>, SecretError> {
    // Another start may rename the secret at any time, so the final name is tried twice.
    for path in [stored_path(config), new_path(config), stored_path(config)] {
        if let Some(secret) = read_if_exists(&path)? {
            return Ok(Some(secret));
        }
    }
    Ok(None)
}

fn read_if_exists(path: &Path) -> Result<Option<MasterSecret>, SecretError> {
    match MasterSecret::read(path) {
        Err(SecretError::File(PrivateFileError::Unreadable { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// The file in the data folder, if an earlier start has encrypted a key under it.
fn stored_secret(config: &Config) -> Option<PathBuf> {
    Some(stored_path(config)).filter(|path| !is_configured(config) && path.exists())
}

fn is_configured(config: &Config) -> bool {
    config.secret.is_some() || config.secret_file.is_some()
}

fn stored_path(config: &Config) -> PathBuf {
    config.data_dir.join("secret")
}

fn new_path(config: &Config) -> PathBuf {
    config.data_dir.join("secret.new")
}

fn secondary(config: &Config) -> Result<Option<MasterSecret>, SecretError> {
    match (&config.secondary_secret, &config.secondary_secret_file) {
        (Some(secret), _) => MasterSecret::new(secret).map(Some),
        (None, Some(path)) => MasterSecret::read(path).map(Some),
        (None, None) => Ok(None),
    }
}
