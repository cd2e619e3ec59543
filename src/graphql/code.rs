use crate::words::words;

words! {
    /// The codes of top-level errors, in `extensions.code`.
    pub enum ErrorCode {
        /// The field requires a valid access token; `reason` says why the request has none.
        Unauthenticated = "UNAUTHENTICATED",
        /// The token lacks a scope, and `requiredScopes` lists the scopes that suffice; or a page of another origin
        /// used the cookie.
        Forbidden = "FORBIDDEN",
        /// A variable, an argument or the HTTP request itself is malformed or out of range.
        BadUserInput = "BAD_USER_INPUT",
        /// The document is not valid GraphQL.
        ParseFailed = "GRAPHQL_PARSE_FAILED",
        /// The document is not valid under the schema.
        ValidationFailed = "GRAPHQL_VALIDATION_FAILED",
        /// The request exceeds a limit; the message names the limit.
        LimitExceeded = "OPERATION_LIMIT_EXCEEDED",
        /// The server does not know a document with this hash; send the full document.
        PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
        /// The server does not support persisted queries; send the full document.
        PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED",
        /// The server executes only the documents that its operator trusts, and this is not one of them.
        UntrustedDocument = "UNTRUSTED_DOCUMENT",
        /// Too many attempts were made; wait for `retryAfter` seconds.
        RateLimited = "RATE_LIMITED",
        /// The database is unavailable or the server is overloaded; retry after `retryAfter` seconds.
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        /// An internal error of the server; its log has the cause under `requestId`.
        Internal = "INTERNAL_SERVER_ERROR",
    }
}

words! {
    /// The extensions of errors, besides the `code` and the `requestId` that every error has.
    pub enum ErrorExtension {
        /// The reason why the access token is not valid.
        Reason = "reason",
        /// Lists of scopes; a token that has every scope of at least one list suffices.
        RequiredScopes = "requiredScopes",
        /// The time to wait, in seconds. If the whole request was refused, the header Retry-After has the same value.
        RetryAfter = "retryAfter",
    }
}

impl ErrorCode {
    /// The extensions that an error with this code may have, besides `code` and `requestId`.
    #[must_use]
    pub const fn extensions(self) -> &'static [ErrorExtension] {
        match self {
            Self::Unauthenticated => &[ErrorExtension::Reason],
            Self::Forbidden => &[ErrorExtension::RequiredScopes],
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
