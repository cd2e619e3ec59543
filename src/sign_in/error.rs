use std::time::Duration;

use sea_orm::DbErr;

use crate::{
    accounts::AccountError,
    passwords::{HashError, PasswordRejected, PolicyViolation},
    tokens::KeyringError,
};

/// Why somebody did not get in, or did not get what takes a password.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such account, or the password is wrong.
    #[error("unknown user or wrong password")]
    InvalidCredentials,
    /// The password is right, but the account is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Too many tries.
    #[error("too many tries")]
    RateLimited {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Nobody may register.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The session of the caller is over.
    #[error("the session is over")]
    SessionOver,
    /// The new password does not do.
    #[error(transparent)]
    Password(#[from] PolicyViolation),
    /// The account cannot be made or changed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Passwords cannot be hashed now.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// No token could be signed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<PasswordRejected> for SignInError {
    fn from(rejected: PasswordRejected) -> Self {
        match rejected {
            PasswordRejected::Policy(violation) => Self::Password(violation),
            PasswordRejected::Hasher(error) => Self::Hash(error),
        }
    }
}
