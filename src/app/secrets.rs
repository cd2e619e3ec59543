//! The master secret of a start: given by the operator, kept in the data folder, or made by the first start.
//!
//! The first start makes the secret under the name `secret.new`, and renames it to `secret` when the database has
//! a key that is sealed under it. So a file `secret` beside a database without keys means that the database was
//! lost, copied without its write-ahead log, or that this is another database. Such a start is refused, because a
//! server that begins anew there would hide the loss. An interrupted first start is none of these: its file still
//! has the first name. A secret that the operator names is never suspicious.

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

/// The master secrets as a start finds them, before it looks at the database.
pub(super) struct FoundSecret {
    masters: Option<MasterSecrets>,
    /// The file in the data folder, if an earlier start has sealed a key under it.
    kept: Option<PathBuf>,
}

impl FoundSecret {
    pub(super) fn look(config: &Config) -> Result<Self, SecretError> {
        // In this order: a secret that is kept before the database is read belongs to a key that is there by then.
        let kept = kept_secret(config);
        Ok(Self { masters: find(config)?, kept })
    }

    /// Refuses to make the file of a database for which a secret is kept already.
    pub(super) fn refuse_absent_file(&self, config: &Config) -> Result<(), AppError> {
        match config.sqlite_file() {
            Some(path) if !path.exists() => self.refuse_empty_database(config),
            _ => Ok(()),
        }
    }

    /// Refuses a database without keys if a secret is kept for one with keys.
    pub(super) fn refuse_empty_database(&self, config: &Config) -> Result<(), AppError> {
        match &self.kept {
            Some(secret) => {
                Err(AppError::KeysMissing { name: config.shown_database(), secret: secret.clone() })
            }
            None => Ok(()),
        }
    }

    /// The secrets to use with a database that is up to date; makes the first one if nothing is sealed yet.
    pub(super) async fn resolve(
        self,
        config: &Config,
        database: &Database,
    ) -> Result<MasterSecrets, AppError> {
        let name = config.shown_database();
        if !Keyring::is_empty(database).await? {
            // Another server that starts here may have made the secret and the key in the meantime.
            let masters = self.masters.map_or_else(|| find(config), |masters| Ok(Some(masters)))?;
            return masters.ok_or(AppError::SecretMissing { name });
        }
        // Without its own keys a database can still be in use, with the key of `tokens.signing_key_file`.
        if config.tokens.signing_key_file.is_none() && !Accounts::exist(database).await? {
            self.refuse_empty_database(config)?;
            tracing::info!(
                database = name,
                "the database holds nothing yet: this is its first start; if it should hold data, stop and check \
                 database.url, data_dir and the backup"
            );
        }
        self.masters.map_or_else(|| make(config), Ok)
    }
}

/// The secrets that are configured or in the data folder; `None` where the first start has yet to make one.
///
/// # Errors
/// When one is too short, cannot be read, or can be read by others.
pub fn find(config: &Config) -> Result<Option<MasterSecrets>, SecretError> {
    let current = match (&config.secret, &config.secret_file) {
        (Some(secret), _) => MasterSecret::new(secret)?,
        (None, Some(path)) => MasterSecret::read(path)?,
        (None, None) => match in_folder(config)? {
            Some(secret) => secret,
            None => return Ok(None),
        },
    };
    Ok(Some(MasterSecrets { current, secondary: secondary(config)? }))
}

/// Why the master secret in the data folder cannot be that of a database without keys; `None` if it can.
#[must_use]
pub fn is_of_another_database(config: &Config) -> Option<AppError> {
    let secret = kept_secret(config)?;
    Some(AppError::KeysMissing { name: config.shown_database(), secret })
}

/// Gives the secret of a first start its final name.
pub(super) fn keep(config: &Config) -> Result<(), SecretError> {
    if is_given(config) {
        return Ok(());
    }
    let (new, kept) = (new_path(config), kept_path(config));
    // A rename could replace a secret that another start has kept meanwhile; a link cannot.
    match fs::hard_link(&new, &kept).and_then(|()| sync_folder(&kept)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(SecretError::Create { path: kept, source: error })
        }
        _ => {
            fs::remove_file(&new).ok();
            Ok(())
        }
    }
}

/// Makes a secret in the data folder, for a database in which nothing is sealed yet.
fn make(config: &Config) -> Result<MasterSecrets, AppError> {
    let failed = |source| AppError::DataDir { path: config.data_dir.clone(), source };
    make_private_folder(&config.data_dir).map_err(failed)?;
    let (new, kept) = (new_path(config), kept_path(config));
    let made = MasterSecret::create(&new);
    // A server that started at the same time may have kept its secret just before.
    let current = match read_if_there(&kept)? {
        Some(kept) => {
            fs::remove_file(&new).ok();
            kept
        }
        None => made?,
    };
    tracing::info!(path = %kept.display(), "made the master secret; keep a copy of it");
    Ok(MasterSecrets { current, secondary: secondary(config)? })
}

fn in_folder(config: &Config) -> Result<Option<MasterSecret>, SecretError> {
    // Another start may give the secret its final name at any moment, so that name is tried twice.
    for path in [kept_path(config), new_path(config), kept_path(config)] {
        if let Some(secret) = read_if_there(&path)? {
            return Ok(Some(secret));
        }
    }
    Ok(None)
}

fn read_if_there(path: &Path) -> Result<Option<MasterSecret>, SecretError> {
    match MasterSecret::read(path) {
        Err(SecretError::File(PrivateFileError::Unreadable { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// The file in the data folder under which an earlier start has sealed a key.
fn kept_secret(config: &Config) -> Option<PathBuf> {
    Some(kept_path(config)).filter(|path| !is_given(config) && path.exists())
}

fn is_given(config: &Config) -> bool {
    config.secret.is_some() || config.secret_file.is_some()
}

fn kept_path(config: &Config) -> PathBuf {
    config.data_dir.join("secret")
}

fn new_path(config: &Config) -> PathBuf {
    config.data_dir.join("secret.new")
}

fn secondary(config: &Config) -> Result<Option<MasterSecret>, SecretError> {
    match (&config.other_secret, &config.other_secret_file) {
        (Some(secret), _) => MasterSecret::new(secret).map(Some),
        (None, Some(path)) => MasterSecret::read(path).map(Some),
        (None, None) => Ok(None),
    }
}
