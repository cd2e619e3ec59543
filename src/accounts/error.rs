use sea_orm::DbErr;

use crate::{database::reason, tokens::TokenError};

/// Why an account cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Somebody has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// The username is none.
    #[error("{0}")]
    UsernameInvalid(&'static str),
    /// The e-mail address is none.
    #[error("{0}")]
    EmailInvalid(&'static str),
    /// The display name cannot be shown.
    #[error("{0}")]
    DisplayNameInvalid(&'static str),
    /// There is no such role.
    #[error("there is no role \"{0}\"")]
    UnknownRole(String),
    /// An access token cannot hold the scopes that the roles grant together.
    #[error("these roles together grant more scopes than an access token can hold; leave one of them out")]
    TooManyScopes,
    /// It would leave no administrator who can sign in.
    #[error("the change would leave no administrator")]
    LastAdmin,
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// The actor is not signed in, or no longer.
    #[error("{}", .0.message())]
    Unauthenticated(TokenError),
    /// The database does not answer.
    #[error("{}", reason(.0))]
    Database(#[from] DbErr),
}
