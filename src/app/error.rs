use std::path::PathBuf;

use sea_orm::DbErr;

use crate::{
    config::Impossible,
    database::{ConnectError, reason},
    operations::TrustedError,
    passwords::{HasherStartError, InvalidArgon2Cost, InvalidPolicy},
    secret::SecretError,
    tokens::{KeyError, KeyringError},
};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A value of the configuration is impossible.
    #[error(transparent)]
    Config(#[from] Impossible),
    /// The master secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The folder for data cannot be made.
    #[error("cannot make the folder {path}, which data_dir names: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Keys are sealed under a secret that is not there.
    #[error(
        "the signing keys of {name} are sealed under a master secret that is not there; bring it back from your \
         backups (secret_file, or the file secret in data_dir)"
    )]
    SecretMissing {
        /// The database.
        name: String,
    },
    /// A master secret was made for a database that is not this one.
    #[error(
        "{} was made for a database with signing keys, and {name} has none. If {name} was copied, copy the file \
         that ends in -wal with it, or stop the server before. If it is to hold data, check database.url and \
         data_dir. If it is to be a new server, delete {}, or name it as secret_file to keep it",
        secret.display(), secret.display()
    )]
    KeysMissing {
        /// The database.
        name: String,
        /// The file of the master secret.
        secret: PathBuf,
    },
    /// There is no connection to the database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database does not answer as it should.
    #[error("the database: {}", reason(.0))]
    Database(#[from] DbErr),
    /// The file of `tokens.signing_key_file` cannot be used.
    #[error("tokens.signing_key_file: {0}")]
    SigningKey(#[from] KeyError),
    /// The trusted documents cannot be used.
    #[error(transparent)]
    TrustedDocuments(#[from] TrustedError),
    /// The keyring does not open.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The cost of a hash cannot be.
    #[error("passwords: {0}")]
    Cost(#[from] InvalidArgon2Cost),
    /// The password policy cannot be.
    #[error("passwords: {0}")]
    Policy(#[from] InvalidPolicy),
    /// The hashing threads do not start.
    #[error("the password hasher: {0}")]
    Hasher(#[from] HasherStartError),
}
