use super::AppError;
use crate::{
    config::Config,
    database::Database,
    secret::{MasterSecret, MasterSecrets, SecretError, make_private_folder},
    tokens::Keyring,
};

/// The secrets that are configured or in the data folder; `None` where the first start has yet to make one.
///
/// # Errors
/// When one is too short, cannot be read, or can be read by others.
pub fn find(config: &Config) -> Result<Option<MasterSecrets>, SecretError> {
    let current = match (&config.secret, &config.secret_file) {
        (Some(secret), _) => MasterSecret::new(secret)?,
        (None, Some(path)) => MasterSecret::read(path)?,
        (None, None) => match config.data_dir.join("secret") {
            path if path.exists() => MasterSecret::read(&path)?,
            _ => return Ok(None),
        },
    };
    Ok(Some(MasterSecrets { current, other: other(config)? }))
}

/// Makes a secret in the data folder, for a database in which nothing is sealed yet.
pub(super) async fn make_or_find(config: &Config, database: &Database) -> Result<MasterSecrets, AppError> {
    if !Keyring::is_empty(database).await? {
        // Another server that starts here may have made the secret and the key in the meantime.
        return find(config)?.ok_or_else(|| AppError::SecretMissing { name: config.shown_database() });
    }
    let path = config.data_dir.join("secret");
    let failed = |source| AppError::DataDir { path: config.data_dir.clone(), source };
    make_private_folder(&config.data_dir).map_err(failed)?;
    tracing::info!(path = %path.display(), "made the master secret; keep a copy of it with your backups");
    Ok(MasterSecrets { current: MasterSecret::create(&path)?, other: other(config)? })
}

fn other(config: &Config) -> Result<Option<MasterSecret>, SecretError> {
    match (&config.other_secret, &config.other_secret_file) {
        (Some(secret), _) => MasterSecret::new(secret).map(Some),
        (None, Some(path)) => MasterSecret::read(path).map(Some),
        (None, None) => Ok(None),
    }
}
