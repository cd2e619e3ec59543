use std::time::Duration;

use super::ClaimNames;

/// The claims that a valid token must have, and its maximum lifetime.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// The `iss` claim. `None` accepts any issuer, which is sufficient if all keys are the server's own.
    pub issuer: Option<String>,
    /// The `aud` claim. It may be one of several in the token.
    pub audience: String,
    /// The maximum time by which another replica's clock may be ahead. It never extends the lifetime of a token.
    pub clock_skew: Duration,
    /// The maximum lifetime of a token, whatever its `exp` claim says. Revocations are deleted after this time, so an
    /// older token must not be accepted.
    pub max_lifetime: Duration,
    /// The kind of tokens.
    pub format: TokenFormat,
}

/// The kind of tokens that a [`Verifier`](super::Verifier) accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// The access tokens of Portcullis, with all their claims. The server accepts no others, so each of its callers has
    /// an account and a session.
    Portcullis,
    /// The access tokens of any OpenID provider, and of Portcullis.
    AnyProvider {
        /// Whether the type `JWT`, or none, is accepted beside `at+jwt` (RFC 9068 §2.1). Providers that do not
        /// implement RFC 9068 need it. Only the audience then distinguishes an access token from an ID token.
        accept_jwt_type: bool,
        /// The names of the claims.
        names: ClaimNames,
    },
}
