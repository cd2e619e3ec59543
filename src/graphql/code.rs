use crate::words::words;

words! {
    /// What kind of failure it was: the `extensions.code` of every top-level error.
    pub enum ErrorCode {
        /// The field wants a valid access token; `reason` says why there is none.
        Unauthenticated = "UNAUTHENTICATED",
        /// The token lacks a scope, and `requiredScopes` lists what would do; or a page of another origin used the
        /// cookie.
        Forbidden = "FORBIDDEN",
        /// A variable, an argument or the HTTP request itself has the wrong form, or is out of range.
        BadUserInput = "BAD_USER_INPUT",
        /// The document is not GraphQL.
        ParseFailed = "GRAPHQL_PARSE_FAILED",
        /// The document does not fit the schema.
        ValidationFailed = "GRAPHQL_VALIDATION_FAILED",
        /// The request asks for more than a limit allows; the message names the limit.
        LimitExceeded = "OPERATION_LIMIT_EXCEEDED",
        /// The server does not know a document of this hash; send it in full.
        PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
        /// The server keeps no documents; send them in full.
        PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED",
        /// The server executes only the documents that its operator trusts, and this is none of them.
        UntrustedDocument = "UNTRUSTED_DOCUMENT",
        /// Too many tries; `retryAfter` says how long to wait.
        RateLimited = "RATE_LIMITED",
        /// The database is away or too much is waiting; `retryAfter` says when to try again.
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        /// A fault of the server; `requestId` finds it in the log.
        Internal = "INTERNAL_SERVER_ERROR",
    }
}

words! {
    /// What `extensions` may hold besides the `code` and the `requestId` that every error has.
    pub enum ErrorExtension {
        /// Why the access token does not count.
        Reason = "reason",
        /// Lists of scopes; a token that holds every scope of one list will do.
        RequiredScopes = "requiredScopes",
        /// How many seconds to wait. Where the request as a whole was refused, the header Retry-After says the same.
        RetryAfter = "retryAfter",
    }
}

impl ErrorCode {
    /// What the `extensions` of an error with this code may hold besides `code` and `requestId`.
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
