use std::time::Duration;

use sea_orm::DbErr;

use crate::{
    accounts::AccountError,
    database::reason,
    passwords::{HashError, PasswordRejected, PolicyViolation},
    second_factors::FactorError,
    tokens::KeyringError,
};

/// An error of a privileged operation.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The account cannot be created or changed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The new password violates the policy.
    #[error(transparent)]
    Password(#[from] PolicyViolation),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The operation concerns the actor's own account and would require the current password.
    #[error("use {instead} for your own account, which requires the current password")]
    OwnAccount {
        /// The mutation to use instead, which takes the current password.
        instead: &'static str,
    },
    /// The operation concerns the actor's own account or sets a credential, and the actor has a personal access token.
    #[error("a personal access token must not set a credential or change the account of its owner")]
    SessionRequired,
    /// Privilege escalation: the account or the roles grant these scopes of the server, which the actor
    /// lacks.
    #[error("the account or the roles grant scopes that the actor lacks: {}", .0.join(" "))]
    PrivilegeEscalation(Vec<&'static str>),
    /// The login of the actor is too old, or was not made with two factors.
    #[error("the operation requires a recent login")]
    InsufficientLogin {
        /// The maximum age of the login. `None` if any age suffices.
        max_age_seconds: Option<u32>,
        /// The authentication context class of the login. `None` if each suffices.
        acr: Option<&'static str>,
    },
    /// The server sends no e-mail.
    #[error("this server sends no e-mail; set mail.transport")]
    MailOff,
    /// Too many messages were sent.
    #[error("too many messages were sent; try again later")]
    RateLimited {
        /// The time to wait before the next message.
        retry_after: Duration,
    },
    /// The second factors could not be changed.
    #[error(transparent)]
    SecondFactor(#[from] FactorError),
    /// The signing keys could not be changed.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A database query failed.
    #[error("{}", reason(.0))]
    Database(#[from] DbErr),
}

impl From<PasswordRejected> for AdminError {
    fn from(rejected: PasswordRejected) -> Self {
        match rejected {
            PasswordRejected::Policy(violation) => Self::Password(violation),
            PasswordRejected::Hasher(error) => Self::Hash(error),
        }
    }
}
