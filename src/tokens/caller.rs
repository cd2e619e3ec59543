use std::sync::Arc;

use strum::{EnumMessage, IntoStaticStr, VariantArray};

use super::Claims;
use crate::id::{SessionId, UserId};

/// The caller of a request. Every request has one: without a token the caller is anonymous, which is not an error.
///
/// ```
/// use portcullis::{Caller, tokens::TokenError};
///
/// let caller = Caller::Anonymous(TokenError::Missing);
/// assert!(caller.claims().is_none() && caller.user().is_none());
/// assert!(!caller.has_scope("notes:read"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// The request has no valid access token, for this reason.
    Anonymous(TokenError),
    /// The request has a valid access token with these claims.
    Authenticated(Arc<Claims>),
}

/// Reason why a caller is anonymous: the `extensions.reason` of `UNAUTHENTICATED`.
///
/// ```
/// use portcullis::tokens::TokenError;
///
/// assert_eq!(<&str>::from(TokenError::Expired), "TOKEN_EXPIRED");
/// assert_eq!(TokenError::Expired.message(), "The access token has expired; refresh it.");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", prefix = "TOKEN_")]
#[non_exhaustive]
pub enum TokenError {
    /// The request has no Authorization header.
    Missing,
    /// The header does not contain exactly one bearer token (RFC 6750 §2.1), or the token is neither a JWT nor a
    /// personal access token.
    Malformed,
    /// The token has expired. Refresh it.
    Expired,
    /// The signature, the issuer, the audience or another claim is invalid.
    Invalid,
    /// The session or the personal access token was revoked, or the account changed, after the token was issued.
    Revoked,
    /// The service cannot verify tokens at the moment, because the issuer of its keys or status lists is unreachable.
    /// The token may be valid, so a client must not discard it. The error is `SERVICE_UNAVAILABLE`.
    Unverifiable,
}

impl TokenError {
    /// The message for users.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Missing => "Sign in first: the request has no access token.",
            Self::Malformed => "The Authorization header must contain `Bearer` and one access token.",
            Self::Expired => "The access token has expired; refresh it.",
            Self::Invalid => "The access token is not valid on this server.",
            Self::Revoked => "The access token has been revoked; sign in again or refresh it.",
            Self::Unverifiable => "Access tokens cannot be verified at the moment. Try again soon.",
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

    /// The caller's account. `None` for a token of another provider.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.claims().and_then(Claims::account).map(|account| account.user)
    }

    /// The caller's session. `None` for a personal access token and for a token of another provider.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.claims().and_then(Claims::account).and_then(|account| account.session())
    }

    /// Whether the caller's token has a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.claims().is_some_and(|claims| claims.scope.contains(scope))
    }
}
