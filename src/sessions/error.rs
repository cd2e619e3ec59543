use sea_orm::DbErr;

use crate::tokens::KeyringError;

/// Why a refresh token gave no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It is unknown, has expired, was used before, or its session is over.
    #[error("the refresh token is not valid")]
    Invalid,
    /// Its rotation has been repeated as often as allowed. The session goes on with the newest token.
    #[error("the refresh token was repeated too often")]
    RepeatedTooOften,
    /// No access token could be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbErr),
}
