use sea_orm::DbErr;

use crate::{
    accounts::AccountError,
    database::reason,
    passwords::{HashError, PasswordRejected, PolicyViolation},
    tokens::KeyringError,
};

/// Why a privileged operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The account cannot be made or changed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The new password does not do.
    #[error(transparent)]
    Password(#[from] PolicyViolation),
    /// Passwords cannot be hashed now.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The operation concerns the actor's own account, and takes the current password there.
    #[error("to do this to your own account, use {instead}, which takes the current password")]
    OwnAccount {
        /// The mutation for one's own account.
        instead: &'static str,
    },
    /// The account or the roles open these scopes of the server, which the actor lacks.
    #[error("the account or the roles open more of this server than the actor may: {}", .0.join(" "))]
    PrivilegeEscalation(Vec<&'static str>),
    /// The signing keys cannot be changed so.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database does not answer.
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
