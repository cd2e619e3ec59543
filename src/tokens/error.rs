use sea_orm::DbErr;

use super::{JwkError, KeyError};
use crate::{clock::Timestamp, database::reason, secret::UnsealError};

/// Why the keyring does not open, or its keys cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database does not answer.
    #[error("{}", reason(.0))]
    Database(#[from] DbErr),
    /// A key is damaged.
    #[error("the signing key {kid}: {source}")]
    Key {
        /// Which.
        kid: String,
        /// What is wrong.
        source: KeyError,
    },
    /// A key was sealed under another master secret.
    #[error(
        "the signing key {kid} was sealed under another master secret: {source}; set the secret with which this \
         database was made"
    )]
    Sealed {
        /// Which.
        kid: String,
        /// What is wrong.
        source: UnsealError,
    },
    /// A key cannot be published.
    #[error(transparent)]
    Publish(#[from] JwkError),
    /// No new key could be made.
    #[error(transparent)]
    Generate(#[from] KeyError),
    /// There is no key that signs now.
    #[error("no signing key is active")]
    NoActiveKey,
    /// The claims make a token that no server would read.
    #[error(
        "the access token would have {bytes} bytes; the roles of the account grant too many scopes for one token"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The keys of the database do not sign, so none can take over from another.
    #[error(
        "tokens.signing_key_file names the key that signs; keys of the database do not sign, and expire with their \
         last token"
    )]
    FromFile,
    /// The key of the file was revoked.
    #[error("tokens.signing_key_file: the key {0} was revoked; put another key into the file")]
    FileRevoked(String),
    /// A key waits for its turn already.
    #[error("the key {kid} is published already and signs from {active_from} on")]
    AlreadyPending {
        /// Which.
        kid: String,
        /// When its turn comes.
        active_from: Timestamp,
    },
    /// There is no such key.
    #[error("there is no signing key {0}")]
    Unknown(String),
    /// The key is there already.
    #[error("the signing key {0} is there already")]
    AlreadyExists(String),
    /// The key does not sign any more.
    #[error("the signing key {0} signs no more")]
    Retired(String),
}
