use std::time::Duration;

use async_graphql::{Enum, SimpleObject};

use super::excerpt::shorten;
use crate::passwords::PolicyViolation;

/// An error that the user can act on. It is data in the payload. Top-level errors are for guards, limits,
/// malformed requests and internal errors of the server.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
#[non_exhaustive]
pub struct UserError {
    /// The machine-readable code of the error.
    pub code: UserErrorCode,
    /// A message in English for the user.
    pub message: String,
    /// The path of the invalid argument, such as `["input", "newPassword"]`. Null if the error is not about
    /// one argument.
    pub field: Option<Vec<String>>,
    /// The time to wait before the next attempt, in seconds. Null unless the code is `RATE_LIMITED`.
    pub retry_after: Option<i32>,
}

/// The codes of errors that a user can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[non_exhaustive]
pub enum UserErrorCode {
    /// The account does not exist or the password is wrong. The response does not reveal which.
    InvalidCredentials,
    /// The refresh token is unknown, expired or already used, or its session has ended.
    InvalidRefreshToken,
    /// The password is correct, but an administrator has disabled the account.
    AccountDisabled,
    /// Too many attempts were made. Wait for `retryAfter` seconds.
    RateLimited,
    /// Another account has this username.
    UsernameTaken,
    /// The username is empty or too long, or contains characters that are not allowed.
    UsernameInvalid,
    /// The text is not an e-mail address.
    EmailInvalid,
    /// Another account has verified the e-mail address.
    EmailTaken,
    /// You must verify your e-mail address before you can sign in. A message with a link and a code was sent to it.
    EmailNotVerified,
    /// The link or the challenge is unknown, was used, has expired, or was replaced by a newer message.
    InvalidChallenge,
    /// The code is wrong. After five wrong codes, request a new message or sign in again.
    InvalidCode,
    /// The first factor of the sign-in is correct, and a second one is missing. Send `challenge.token` with it to
    /// `verifySecondFactor`. Or the server requires a second factor of your account, so the last one cannot be removed.
    SecondFactorRequired,
    /// The passkey is unknown, or the response of the authenticator is not valid. The response does not reveal which.
    PasskeyRejected,
    /// Your account has the maximum number of these objects. Delete one first.
    LimitReached,
    /// Without this object, you could no longer sign in. Set a password or add a passkey first.
    LastLoginMethod,
    /// The password has fewer characters than the password policy requires.
    PasswordTooShort,
    /// The password has more characters than the password policy allows.
    PasswordTooLong,
    /// The password is too easy to guess.
    PasswordTooWeak,
    /// Registration is closed. Only administrators can create accounts.
    RegistrationClosed,
    /// The object does not exist or belongs to another account.
    NotFound,
    /// The server has no role with this name.
    UnknownRole,
    /// This change to your own account requires your current password. Use `changePassword` or
    /// `deleteAccount`.
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
    ///
    /// ```
    /// # #[cfg(feature = "server")] {
    /// use portcullis::graphql::{UserError, UserErrorCode};
    ///
    /// let error = UserError::of_field(UserErrorCode::NotFound, "noteId", "There is no such note.");
    /// assert_eq!(error.field, Some(vec!["input".to_owned(), "noteId".to_owned()]));
    /// # }
    /// ```
    #[must_use]
    pub fn of_field(code: UserErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self::new(code, message).in_field(field)
    }

    /// The same error, about this field of the input.
    #[must_use]
    pub fn in_field(self, field: &str) -> Self {
        Self { field: Some(vec!["input".to_owned(), field.to_owned()]), ..self }
    }

    /// An error about too many attempts.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        let seconds = i32::try_from(retry_after.as_secs()).unwrap_or(i32::MAX).max(1);
        let message = format!("Too many attempts. Try again in {seconds} s.");
        Self { retry_after: Some(seconds), ..Self::new(UserErrorCode::RateLimited, message) }
    }
}

impl From<PolicyViolation> for UserError {
    fn from(violation: PolicyViolation) -> Self {
        let code = match violation {
            PolicyViolation::TooShort { .. } => UserErrorCode::PasswordTooShort,
            PolicyViolation::TooLong { .. } => UserErrorCode::PasswordTooLong,
            PolicyViolation::TooWeak { .. } => UserErrorCode::PasswordTooWeak,
        };
        Self::new(code, violation.to_string())
    }
}
