use std::sync::Arc;

use super::Claims;
use crate::{
    id::{SessionId, UserId},
    words::words,
};

/// Who asks. Always there: a request without a token is an anonymous caller, not an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// Nobody is signed in, and why the token, if there was one, does not count.
    Anonymous(TokenError),
    /// The bearer of a valid access token.
    Authenticated(Arc<Claims>),
}

words! {
    /// Why a caller counts as anonymous: the `extensions.reason` of `UNAUTHENTICATED`.
    pub enum TokenError {
        /// There is no Authorization header.
        Missing = "TOKEN_MISSING",
        /// The header is not one bearer token (RFC 6750 §2.1), or what it bears is no JWT.
        Malformed = "TOKEN_MALFORMED",
        /// The token's time is over; refresh it.
        Expired = "TOKEN_EXPIRED",
        /// The signature, the issuer, the audience or another claim is wrong.
        Invalid = "TOKEN_INVALID",
        /// The session was ended, or the account changed, after the token was issued.
        Revoked = "TOKEN_REVOKED",
    }
}

impl TokenError {
    /// What to tell a person.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Missing => "Sign in first: the request has no access token.",
            Self::Malformed => "The Authorization header must be `Bearer` and one access token.",
            Self::Expired => "The access token has expired; refresh it.",
            Self::Invalid => "The access token is not valid here.",
            Self::Revoked => "The access token has been revoked; sign in again or refresh it.",
        }
    }
}

impl Caller {
    /// The claims of a valid token.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Authenticated(claims) => Some(claims),
            Self::Anonymous(_) => None,
        }
    }

    /// The account that asks.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.claims().map(|claims| claims.sub)
    }

    /// The session that asks.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.claims().map(|claims| claims.sid)
    }

    /// Whether the caller's token holds a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.claims().is_some_and(|claims| claims.scope.contains(scope))
    }
}
