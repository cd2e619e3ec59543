use sea_orm::DbErr;

use crate::{
    database::{reason, violated_constraint},
    hooks::HookError,
    tokens::TokenError,
};

/// An error of creating, updating or deleting an account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Another account has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// The username looks like that of another account.
    #[error("the username looks like one that is taken")]
    UsernameLooksTaken,
    /// The username is, or looks like, one of `accounts.reserved_names`.
    #[error("the username is reserved")]
    UsernameReserved,
    /// The username is invalid.
    #[error("{0}")]
    UsernameInvalid(&'static str),
    /// The e-mail address is invalid.
    #[error("{0}")]
    EmailInvalid(&'static str),
    /// Another account has verified the e-mail address.
    #[error("another account has verified the e-mail address")]
    EmailTaken,
    /// The account must have an e-mail address.
    #[error("an e-mail address is required")]
    EmailRequired,
    /// The display name is invalid.
    #[error("{0}")]
    DisplayNameInvalid(&'static str),
    /// Another part of the profile is invalid.
    #[error("{0}")]
    ProfileInvalid(&'static str),
    /// The configuration has no such role.
    #[error("there is no role \"{0}\"")]
    UnknownRole(String),
    /// The roles together grant more scopes than an access token can hold.
    #[error("these roles together grant more scopes than an access token can hold; remove one of them")]
    TooManyScopes,
    /// The operation would leave no administrator who can sign in.
    #[error("the change would leave no administrator")]
    LastAdmin,
    /// The account does not exist.
    #[error("there is no such account")]
    NotFound,
    /// The actor is not signed in, or its token or session was revoked.
    #[error("{}", .0.message())]
    Unauthenticated(TokenError),
    /// A hook of the application did not succeed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// A database query failed.
    #[error("{}", reason(.0))]
    Database(#[from] DbErr),
}

impl AccountError {
    /// The error of a statement that writes an account: which unique index it violates.
    pub(super) fn of_write(error: DbErr) -> Self {
        match violated_constraint(&error) {
            Some(index) if index.contains("username_key") => Self::UsernameTaken,
            Some(index) if index.contains("email") => Self::EmailTaken,
            _ => Self::Database(error),
        }
    }
}
