use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// The codes of top-level errors, in `extensions.code`.
///
/// `portcullis errors` prints `docs/errors.md` from the doc comments of the variants, which are therefore Markdown.
///
/// ```
/// use portcullis::graphql::{ErrorCode, ErrorExtension};
///
/// assert_eq!(<&str>::from(ErrorCode::ParseFailed), "GRAPHQL_PARSE_FAILED");
/// assert_eq!(ErrorCode::RateLimited.extensions(), [ErrorExtension::RetryAfter]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The field requires a valid access token; `reason` says why the request has none, or that the login of its user is
    /// not recent enough.
    Unauthenticated,
    /// The token lacks a scope or a role, and `requiredScopes` or `requiredRoles` lists those that suffice; or the
    /// user does not own the object; or the field accepts no personal access token, and `reason` says so; or a page
    /// of another origin used the cookie.
    Forbidden,
    /// A variable, an argument or the HTTP request itself is malformed or out of range.
    BadUserInput,
    /// The document is not valid GraphQL.
    #[strum(serialize = "GRAPHQL_PARSE_FAILED")]
    ParseFailed,
    /// The document is not valid under the schema.
    #[strum(serialize = "GRAPHQL_VALIDATION_FAILED")]
    ValidationFailed,
    /// The request exceeds a limit; the message names the limit.
    #[strum(serialize = "OPERATION_LIMIT_EXCEEDED")]
    LimitExceeded,
    /// The server does not know a document with this hash; send the full document.
    PersistedQueryNotFound,
    /// The server does not support persisted queries; send the full document.
    PersistedQueryNotSupported,
    /// The server executes only the documents that its operator trusts, and this is not one of them.
    UntrustedDocument,
    /// Too many attempts were made; wait for `retryAfter` seconds.
    RateLimited,
    /// The database is unavailable or the server is overloaded; retry after `retryAfter` seconds.
    ServiceUnavailable,
    /// An internal error of the server; its log has the cause under `requestId`.
    #[strum(serialize = "INTERNAL_SERVER_ERROR")]
    Internal,
}

/// The extensions of errors, besides the `code` and the `requestId` that every error has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorExtension {
    /// The reason why the access token is not valid, or why the field does not accept it.
    Reason,
    /// Lists of scopes; a token that has every scope of at least one list suffices.
    RequiredScopes,
    /// Roles; a token that has at least one of them suffices.
    RequiredRoles,
    /// The maximum age of the login, in seconds, if `reason` is `INSUFFICIENT_USER_AUTHENTICATION` (RFC 9470). Absent if
    /// every age suffices.
    MaxAge,
    /// The authentication context classes that suffice for the login (RFC 9470). Absent if every class does.
    AcrValues,
    /// The time to wait, in seconds. If the whole request was refused, the header Retry-After has the same value.
    RetryAfter,
}

impl ErrorCode {
    /// The extensions that an error with this code may have, besides `code` and `requestId`.
    #[must_use]
    pub const fn extensions(self) -> &'static [ErrorExtension] {
        match self {
            Self::Unauthenticated => {
                &[ErrorExtension::Reason, ErrorExtension::MaxAge, ErrorExtension::AcrValues]
            }
            Self::Forbidden => {
                &[ErrorExtension::RequiredScopes, ErrorExtension::RequiredRoles, ErrorExtension::Reason]
            }
            Self::RateLimited | Self::ServiceUnavailable => &[ErrorExtension::RetryAfter],
            Self::BadUserInput
            | Self::ParseFailed
            | Self::ValidationFailed
            | Self::LimitExceeded
            | Self::PersistedQueryNotFound
            | Self::PersistedQueryNotSupported
            | Self::UntrustedDocument
            | Self::Internal => &[],
        }
    }
}
