use std::{borrow::Cow, time::Duration};

use async_graphql::{ErrorExtensionValues, PathSegment, ServerError, Value};

use super::{
    ErrorCode, ErrorExtension,
    excerpt::{shorten, shorten_word},
};
use crate::tokens::TokenError;

/// A top-level error: guards, limits, malformed requests and faults of the server.
///
/// It has no `Display` on purpose: async-graphql would take that for an error without a code.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// What kind of failure it was.
    pub code: ErrorCode,
    /// What to tell a person.
    pub message: Cow<'static, str>,
    extensions: Vec<(ErrorExtension, Value)>,
}

impl ApiError {
    /// A failure that needs no more than its message.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), extensions: Vec::new() }
    }

    /// The field wants a valid access token.
    #[must_use]
    pub fn unauthenticated(rejection: TokenError) -> Self {
        Self::new(ErrorCode::Unauthenticated, rejection.message())
            .with(ErrorExtension::Reason, rejection.as_str())
    }

    /// The token lacks a scope.
    #[must_use]
    pub fn forbidden(required: &[&[&str]]) -> Self {
        let scopes = |list: &&[&str]| list.iter().map(|scope| Value::from(*scope)).collect();
        let required = required.iter().map(|list| Value::List(scopes(list))).collect();
        Self::new(ErrorCode::Forbidden, "The access token does not have the scope that this takes.")
            .with(ErrorExtension::RequiredScopes, Value::List(required))
    }

    /// What was sent has the wrong form.
    #[must_use]
    pub fn bad_user_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadUserInput, message)
    }

    /// A limit of the request: which, and how much it allows.
    #[must_use]
    pub fn limit_exceeded(name: &str, most: usize) -> Self {
        Self::new(ErrorCode::LimitExceeded, format!("The request exceeds {name}, which is {most}."))
    }

    /// Something is away or too busy.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        Self::new(ErrorCode::ServiceUnavailable, "The service is busy or unavailable; try again soon.")
            .with(ErrorExtension::RetryAfter, retry_after.as_secs().max(1))
    }

    /// The caller tried too often, and may try again later.
    #[must_use]
    pub fn rate_limited(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(ErrorCode::RateLimited, message)
            .with(ErrorExtension::RetryAfter, retry_after.as_secs().max(1))
    }

    /// A fault of ours. Logs the cause and tells the caller nothing of it.
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

    /// All that a caller is told of a fault of ours.
    #[must_use]
    pub fn masked() -> Self {
        Self::new(ErrorCode::Internal, "Internal server error.")
    }

    fn with(mut self, extension: ErrorExtension, value: impl Into<Value>) -> Self {
        self.extensions.push((extension, value.into()));
        self
    }

    /// How long to wait before trying again, where waiting helps.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.extensions.iter().find_map(|(extension, value)| match (extension, value) {
            (ErrorExtension::RetryAfter, Value::Number(seconds)) => seconds.as_u64(),
            _ => None,
        })
    }

    fn extension_values(&self) -> ErrorExtensionValues {
        let mut values = ErrorExtensionValues::default();
        values.set("code", self.code.as_str());
        for (extension, value) in &self.extensions {
            values.set(extension.as_str(), value.clone());
        }
        values
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(failure: ApiError) -> Self {
        let mut error = Self::new(failure.message.clone());
        error.extensions = Some(failure.extension_values());
        error
    }
}

impl From<ApiError> for ServerError {
    fn from(failure: ApiError) -> Self {
        let mut error = Self::new(failure.message.clone(), None);
        error.extensions = Some(failure.extension_values());
        error
    }
}

#[cfg(feature = "server")]
impl From<sea_orm::DbErr> for ApiError {
    fn from(error: sea_orm::DbErr) -> Self {
        if crate::database::is_unavailable(&error) {
            tracing::warn!(%error, "the database is unavailable");
            Self::unavailable(Duration::from_secs(1))
        } else {
            Self::internal(&error)
        }
    }
}

/// Gives an error of the executor the shape that all errors have: a code, the request's id, and a message that quotes
/// no more than an excerpt of what was sent.
///
/// Errors of our resolvers have a code. Without one, an error that has a source is a fault of another crate's
/// resolver, made with `?`: its text may hold anything, so it is logged and masked. The rest are the executor's:
/// about an input value (`BAD_USER_INPUT`), or else about the document (an empty path,
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
        error.extensions.get_or_insert_default().set("code", code.as_str());
    }
    error.extensions.get_or_insert_default().set("requestId", request_id);
}

/// Whether a message of the executor's, from before the execution, speaks of an argument or a variable.
fn is_input_error(message: &str) -> bool {
    ["Invalid value for argument", "Failed to parse", "Expected input type"]
        .iter()
        .any(|start| message.starts_with(start))
}

/// Cuts out of the executor's message what was sent in the place of something else: it may be a password.
fn redact_value(message: &mut String) {
    if message.starts_with("Expected input type")
        && let Some(end) = message.find(", found ")
    {
        message.truncate(end);
        message.push('.');
    }
}
