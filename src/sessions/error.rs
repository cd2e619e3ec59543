use sea_orm::DbErr;

use crate::{hooks::HookError, tokens::KeyringError};

/// An error of a refresh.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The refresh token is unknown, expired or already used, or its session has ended.
    #[error("the refresh token is not valid")]
    Invalid,
    /// The maximum number of repetitions of its rotation was reached. The session continues with the newest
    /// token.
    #[error("the refresh token was repeated too often")]
    RepeatedTooOften,
    /// No access token could be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A hook of the application did not succeed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}
