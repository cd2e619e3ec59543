use sea_orm::DbErr;

use crate::tokens::KeyringError;

/// Why a refresh token gave no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It is unknown, has expired, was used before, or its session is over.
    #[error("the refresh token is not valid")]
    Invalid,
    /// No access token could be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbErr),
}
