use std::time::Duration;

use sea_orm::DbErr;

use crate::{accounts::AccountError, passkeys::PasskeyError, secret::NoRandomBytes};

/// Why a second factor is not proven, added or removed.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The challenge is unknown, was used, has expired, belongs to another client, or permits no further attempt.
    #[error("the challenge is unknown, used or expired")]
    UnknownChallenge,
    /// The code is wrong or was used.
    #[error("the code is wrong or was used")]
    WrongCode,
    /// Too many codes were tried for the account.
    #[error("too many codes were tried for the account")]
    RateLimited {
        /// The time to wait before the next attempt.
        retry_after: Duration,
    },
    /// The account has nothing to confirm, to remove, or to recover.
    #[error("{0}")]
    Missing(&'static str),
    /// The server requires a second factor of the account, which would have none.
    #[error("the account must have a second factor")]
    LastRequired,
    /// The account has a factor, and the session of the caller has not proven it.
    #[error("the login of the caller has one factor only")]
    StrongerLoginRequired,
    /// The stored secret cannot be used.
    #[error("the stored secret of an authenticator app is damaged")]
    Damaged,
    /// The passkey is not added, deleted or accepted.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// The caller may no longer act.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<NoRandomBytes> for FactorError {
    fn from(error: NoRandomBytes) -> Self {
        Self::Database(error.into())
    }
}
