use std::path::PathBuf;

use sea_orm::DbErr;

use crate::{
    config::InvalidValue,
    database::{ConnectError, reason},
    mail::MailError,
    operations::TrustedError,
    passwords::{HasherStartError, InvalidArgon2Cost, InvalidPolicy},
    secret::SecretError,
    tokens::{KeyError, KeyringError},
};

/// The reason why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A value of the configuration is invalid.
    #[error(transparent)]
    Config(#[from] InvalidValue),
    /// The master secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The data folder cannot be created.
    #[error("cannot create the folder {path} (data_dir): {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The signing keys are encrypted with a secret that does not exist.
    #[error(
        "the signing keys of {name} are encrypted with a master secret that was not found; restore it from a backup \
         (secret_file, or the file secret in data_dir)"
    )]
    SecretMissing {
        /// The database.
        name: String,
    },
    /// The master secret was created for another database.
    #[error(
        "{} was created for a database with signing keys, but {name} has none. If {name} is a copy, stop the server \
         before copying, or also copy the file that ends in -wal. If it should contain data, check database.url and \
         data_dir. If this is a new server, delete {}, or set secret_file to its path to keep it",
        secret.display(), secret.display()
    )]
    KeysMissing {
        /// The database.
        name: String,
        /// The file of the master secret.
        secret: PathBuf,
    },
    /// The connection to the database failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement of the database failed.
    #[error("the database: {}", reason(.0))]
    Database(#[from] DbErr),
    /// The file of `tokens.signing_key_file` cannot be used.
    #[error("tokens.signing_key_file: {0}")]
    SigningKey(#[from] KeyError),
    /// The trusted documents cannot be used.
    #[error(transparent)]
    TrustedDocuments(#[from] TrustedError),
    /// The keyring cannot be opened.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Messages by e-mail cannot be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The cost of a hash is invalid.
    #[error("passwords: {0}")]
    Cost(#[from] InvalidArgon2Cost),
    /// The password policy is invalid.
    #[error("passwords: {0}")]
    Policy(#[from] InvalidPolicy),
    /// The hashing threads could not be started.
    #[error("the password hasher: {0}")]
    Hasher(#[from] HasherStartError),
}
