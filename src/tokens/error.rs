use sea_orm::DbErr;

use super::{JwkError, KeyError};
use crate::{clock::Timestamp, database::reason, secret::UnsealError};

/// An error of opening the keyring, of changing its keys, or of signing a token.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database failed.
    #[error("{}", reason(.0))]
    Database(#[from] DbErr),
    /// A stored key is damaged.
    #[error("the signing key {kid}: {source}")]
    Key {
        /// The `kid` of the key.
        kid: String,
        /// The error.
        source: KeyError,
    },
    /// A key is sealed with another master secret.
    #[error(
        "the signing key {kid} is sealed with another master secret: {source}; configure the master secret with which \
         this database was created"
    )]
    Sealed {
        /// The `kid` of the key.
        kid: String,
        /// The error.
        source: UnsealError,
    },
    /// A key cannot be published.
    #[error(transparent)]
    Publish(#[from] JwkError),
    /// No new key could be generated.
    #[error(transparent)]
    Generate(#[from] KeyError),
    /// No key is active, so no token can be signed.
    #[error("no signing key is active")]
    NoActiveKey,
    /// The claims make a token that is larger than the server accepts.
    #[error(
        "the access token would have {bytes} bytes; the roles of the account grant too many scopes for one token"
    )]
    TooLarge {
        /// Size of the token, bytes.
        bytes: usize,
    },
    /// A key file signs instead of the keys in the database, so those cannot be rotated.
    #[error(
        "tokens.signing_key_file is set, so tokens are signed with the key in that file. Keys in the database are not \
         used, and expire with their last token"
    )]
    FromFile,
    /// The key in the key file was revoked.
    #[error("tokens.signing_key_file: the key {0} was revoked; replace the file with another key")]
    FileRevoked(String),
    /// A pending key already exists.
    #[error("the key {kid} is already pending and becomes active at {active_from}")]
    AlreadyPending {
        /// The `kid` of the pending key.
        kid: String,
        /// Time at which it becomes active.
        active_from: Timestamp,
    },
    /// There is no such key.
    #[error("there is no signing key {0}")]
    Unknown(String),
    /// The key is already in the keyring.
    #[error("the signing key {0} already exists")]
    AlreadyExists(String),
    /// The key no longer signs.
    #[error("the signing key {0} is already retired")]
    Retired(String),
}
