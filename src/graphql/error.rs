use std::{borrow::Cow, time::Duration};

use async_graphql::{ErrorExtensionValues, PathSegment, ServerError, Value};

use super::{
    ErrorCode, ErrorExtension,
    excerpt::{shorten, shorten_word},
};
use crate::tokens::TokenError;

/// The time to wait before a retry while access tokens cannot be verified.
const UNVERIFIABLE_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The `extensions.reason` of `UNAUTHENTICATED` if the token is valid, but the login of its user is not recent enough or
/// has not the required authentication context class. The user logs in again (RFC 9470 §3, step-up authentication).
pub const INSUFFICIENT_USER_AUTHENTICATION: &str = "INSUFFICIENT_USER_AUTHENTICATION";

/// The `extensions.reason` of `FORBIDDEN` if the token is a personal access token, or was exchanged for one, and the
/// field requires the token of a session, in which a user has signed in.
pub const SESSION_REQUIRED: &str = "SESSION_REQUIRED";

/// A top-level error: guards, limits, malformed requests and internal errors of the server.
///
/// It has no `Display` on purpose, because async-graphql would convert it to an error without a code.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
/// use portcullis::graphql::{ApiError, ErrorCode};
///
/// struct Query;
///
/// #[Object]
/// impl Query {
///     async fn square_root(&self, of: i32) -> Result<f64, ApiError> {
///         if of < 0 {
///             return Err(ApiError::bad_user_input("of must not be negative."));
///         }
///         Ok(f64::from(of).sqrt())
///     }
/// }
///
/// let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
/// let response = serde_json::to_value(schema.execute("{ squareRoot(of: -1) }").await)?;
/// assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
/// assert_eq!(ApiError::not_owner().code, ErrorCode::Forbidden);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// The code of the error.
    pub code: ErrorCode,
    /// A message in English for developers and users.
    pub message: Cow<'static, str>,
    extensions: Vec<(ErrorExtension, Value)>,
}

impl ApiError {
    /// An error with a code and a message only.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), extensions: Vec::new() }
    }

    /// The error of a field that requires a valid access token. A token that cannot be verified at the moment may be
    /// valid, so its error asks the client to try again rather than to sign in.
    #[must_use]
    pub fn unauthenticated(error: TokenError) -> Self {
        if error == TokenError::Unverifiable {
            return Self::new(ErrorCode::ServiceUnavailable, error.message())
                .with(ErrorExtension::RetryAfter, UNVERIFIABLE_RETRY_AFTER.as_secs());
        }
        Self::new(ErrorCode::Unauthenticated, error.message())
            .with(ErrorExtension::Reason, <&str>::from(error))
    }

    /// The error of a field that requires a scope which the token lacks.
    #[must_use]
    pub fn forbidden(required: &[&[&str]]) -> Self {
        let scopes = |list: &&[&str]| list.iter().map(|scope| Value::from(*scope)).collect();
        let required = required.iter().map(|list| Value::List(scopes(list))).collect();
        Self::new(ErrorCode::Forbidden, "The access token lacks a required scope.")
            .with(ErrorExtension::RequiredScopes, Value::List(required))
    }

    /// The error of a field that requires one of these roles.
    #[must_use]
    pub fn missing_role(required: &[&str]) -> Self {
        let required = required.iter().map(|role| Value::from(*role)).collect();
        Self::new(ErrorCode::Forbidden, "The access token lacks a required role.")
            .with(ErrorExtension::RequiredRoles, Value::List(required))
    }

    /// The error of a field that requires the owner of an object. It does not tell whether the object exists.
    #[must_use]
    pub fn not_owner() -> Self {
        Self::new(ErrorCode::Forbidden, "Only the owner of an object may do this.")
    }

    /// The error of a field that requires a recent login, with the parameters of RFC 9470 §3.
    #[must_use]
    #[doc(hidden)]
    pub fn insufficient_user_authentication(max_age_seconds: Option<u32>, acr: Option<&str>) -> Self {
        let message = "The field requires a recent login; log in again and repeat the operation.";
        let mut error = Self::new(ErrorCode::Unauthenticated, message)
            .with(ErrorExtension::Reason, INSUFFICIENT_USER_AUTHENTICATION);
        if let Some(seconds) = max_age_seconds {
            error = error.with(ErrorExtension::MaxAge, seconds);
        }
        match acr {
            Some(acr) => error.with(ErrorExtension::AcrValues, Value::List(vec![acr.into()])),
            None => error,
        }
    }

    /// The error of a field that accepts no personal access token.
    #[must_use]
    #[doc(hidden)]
    pub fn session_required() -> Self {
        let message =
            "The field accepts no personal access token; sign in and use the access token of the session.";
        Self::new(ErrorCode::Forbidden, message).with(ErrorExtension::Reason, SESSION_REQUIRED)
    }

    /// An error for invalid input.
    #[must_use]
    pub fn bad_user_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadUserInput, message)
    }

    /// An error for an exceeded limit of the request, with the name of the limit and its maximum.
    #[must_use]
    #[doc(hidden)]
    pub fn limit_exceeded(name: &str, max: usize) -> Self {
        Self::new(ErrorCode::LimitExceeded, format!("The request exceeds {name}, which is {max}."))
    }

    /// An error for a dependency or a queue that is unavailable or overloaded.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        Self::new(ErrorCode::ServiceUnavailable, "The service is busy or unavailable. Try again soon.")
            .with(ErrorExtension::RetryAfter, retry_after.as_secs().max(1))
    }

    /// An error for too many attempts.
    #[must_use]
    pub fn rate_limited(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(ErrorCode::RateLimited, message)
            .with(ErrorExtension::RetryAfter, retry_after.as_secs().max(1))
    }

    /// An internal error. Logs the cause and hides it from the client.
    #[must_use]
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = vec![cause.to_string()];
        let mut next = cause.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        tracing::error!(causes = causes.join(": "), "internal error");
        Self::masked()
    }

    /// The error that a client sees instead of an internal error.
    #[must_use]
    #[doc(hidden)]
    pub fn masked() -> Self {
        Self::new(ErrorCode::Internal, "Internal server error.")
    }

    fn with(mut self, extension: ErrorExtension, value: impl Into<Value>) -> Self {
        self.extensions.push((extension, value.into()));
        self
    }

    /// The time to wait before a retry, in seconds. `None` if waiting does not help.
    #[must_use]
    #[doc(hidden)]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.extensions.iter().find_map(|(extension, value)| match (extension, value) {
            (ErrorExtension::RetryAfter, Value::Number(seconds)) => seconds.as_u64(),
            _ => None,
        })
    }

    fn extension_values(&self) -> ErrorExtensionValues {
        let mut values = ErrorExtensionValues::default();
        values.set("code", <&str>::from(self.code));
        for (extension, value) in &self.extensions {
            values.set(<&str>::from(extension), value.clone());
        }
        values
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        let extensions = Some(error.extension_values());
        Self { extensions, ..Self::new(error.message) }
    }
}

impl From<ApiError> for ServerError {
    fn from(error: ApiError) -> Self {
        let extensions = Some(error.extension_values());
        Self { extensions, ..Self::new(error.message, None) }
    }
}

#[cfg(feature = "server")]
impl From<sea_orm::DbErr> for ApiError {
    fn from(error: sea_orm::DbErr) -> Self {
        if crate::database::is_unavailable(&error) {
            tracing::warn!(%error, "database unavailable");
            Self::unavailable(Duration::from_secs(1))
        } else {
            Self::internal(&error)
        }
    }
}

#[cfg(feature = "server")]
impl From<crate::passwords::HashError> for ApiError {
    fn from(error: crate::passwords::HashError) -> Self {
        match error {
            crate::passwords::HashError::QueueFull { retry_after } => Self::unavailable(retry_after),
            error => Self::internal(&error),
        }
    }
}

/// Gives an error of the executor the form of all errors: a code, the request id, and a message that quotes only an
/// excerpt of the input.
///
/// Errors of our resolvers have a code. An error without a code but with a source comes from a resolver of another
/// crate that uses `?`. Its text may contain anything, so it is logged and masked. All other errors come from the
/// executor. They are about an input value (`BAD_USER_INPUT`), or otherwise about the document (an empty path,
/// `GRAPHQL_VALIDATION_FAILED`).
pub fn normalize_error(error: &mut ServerError, request_id: &str) {
    shorten(&mut error.message);
    for segment in &mut error.path {
        if let PathSegment::Field(name) = segment {
            *name = shorten_word(name);
        }
    }
    let has_code = error.extensions.as_ref().is_some_and(|values| values.get("code").is_some());
    if !has_code {
        let code = if error.source.is_some() {
            tracing::error!(error = error.message, path = ?error.path, "internal error");
            error.message = ApiError::masked().message.into_owned();
            ErrorCode::Internal
        } else if error.path.is_empty() && !is_input_error(&error.message) {
            ErrorCode::ValidationFailed
        } else {
            redact_value(&mut error.message);
            ErrorCode::BadUserInput
        };
        if error.message.ends_with("expected type \"Int\"") {
            error.message.push_str(", a whole number from -2147483648 to 2147483647");
        }
        error.extensions.get_or_insert_default().set("code", <&str>::from(code));
    }
    error.extensions.get_or_insert_default().set("requestId", request_id);
}

/// Whether a message that the executor wrote before the execution is about an argument or a variable.
fn is_input_error(message: &str) -> bool {
    ["Invalid value for argument", "Failed to parse", "Expected input type"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// Removes the received value from a message of the executor, because it may be a password.
fn redact_value(message: &mut String) {
    if message.starts_with("Expected input type")
        && let Some(end) = message.find(", found ")
    {
        message.truncate(end);
        message.push('.');
    }
}
