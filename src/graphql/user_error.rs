use std::time::Duration;

use async_graphql::{Enum, SimpleObject};

use super::excerpt::shorten;

/// A failure that the caller's user can act on. It is data, not a top-level error: those are for guards,
/// limits, malformed requests and faults of the server.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// What is wrong, for a program.
    pub code: UserErrorCode,
    /// What is wrong, for a person.
    pub message: String,
    /// The path into the arguments of what is wrong, such as `["input", "newPassword"]`.
    pub field: Option<Vec<String>>,
    /// With `RATE_LIMITED`: how many seconds to wait.
    pub retry_after: Option<i32>,
}

/// What a user can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// There is no such account, or the password is wrong; which of the two is not told.
    InvalidCredentials,
    /// The refresh token is unknown, has expired, was used before, or its session is over.
    InvalidRefreshToken,
    /// The password is right, but an administrator has disabled the account.
    AccountDisabled,
    /// Too many tries; wait for `retryAfter` seconds.
    RateLimited,
    /// Somebody else has this username.
    UsernameTaken,
    /// The username is empty, too long, or has characters that usernames cannot have.
    UsernameInvalid,
    /// This is no e-mail address.
    EmailInvalid,
    /// The password has fewer characters than the server's policy asks for.
    PasswordTooShort,
    /// The password has more characters than the server's policy allows.
    PasswordTooLong,
    /// The password is too easy to guess.
    PasswordTooWeak,
    /// Accounts are made by administrators only.
    RegistrationClosed,
    /// There is no such thing, or it is not the caller's.
    NotFound,
    /// The server has no role of this name.
    UnknownRole,
    /// The change of your own account takes your current password; use `changePassword` or `deleteAccount`.
    CurrentPasswordRequired,
    /// The change would leave no administrator who can sign in.
    LastAdmin,
}

impl UserError {
    /// An error about the request as a whole.
    #[must_use]
    pub fn new(code: UserErrorCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        shorten(&mut message);
        Self { code, message, field: None, retry_after: None }
    }

    /// An error about one field of the input.
    #[must_use]
    pub fn of_field(code: UserErrorCode, field: &str, message: impl Into<String>) -> Self {
        let field = Some(vec!["input".to_owned(), field.to_owned()]);
        Self { field, ..Self::new(code, message) }
    }

    /// Too many tries.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        let seconds = i32::try_from(retry_after.as_secs()).unwrap_or(i32::MAX).max(1);
        let message = format!("Too many attempts. Try again in {seconds} s.");
        Self { retry_after: Some(seconds), ..Self::new(UserErrorCode::RateLimited, message) }
    }
}
