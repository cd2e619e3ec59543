use sea_orm::DbErr;

use super::{MAX_PASSKEYS, webauthn::Rejection};
use crate::{accounts::AccountError, id::UserId};

/// Why an operation with passkeys failed.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// The server offers no passkeys.
    #[error("this server offers no passkeys")]
    NotOffered,
    /// The challenge is unknown, was used or has expired.
    #[error("the challenge is unknown, used or expired")]
    InvalidChallenge,
    /// The response of the authenticator proves nothing.
    #[error("the passkey was rejected: {reason}")]
    Rejected {
        /// The reason, for the log.
        reason: Rejection,
        /// The account of the passkey, if it is known.
        user: Option<UserId>,
    },
    /// The account has the maximum number of passkeys.
    #[error("an account has at most {MAX_PASSKEYS} passkeys")]
    TooMany,
    /// The name is invalid.
    #[error("{0}")]
    NameInvalid(&'static str),
    /// The account has no such passkey.
    #[error("there is no such passkey")]
    NotFound,
    /// Without the passkey, the user could not sign in any more.
    #[error("the passkey is the only way to sign in")]
    LastLoginMethod,
    /// The account or its caller cannot act.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<Rejection> for PasskeyError {
    fn from(reason: Rejection) -> Self {
        Self::Rejected { reason, user: None }
    }
}
