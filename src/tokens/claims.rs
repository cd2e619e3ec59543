use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Status;
use crate::id::{SessionId, UserId};

/// The claims of an access token: those of RFC 9068 §2.2, and some of our own.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Claims {
    /// Issuer of the token (RFC 7519 §4.1.1).
    pub iss: String,
    /// Audience of the token (RFC 7519 §4.1.3).
    pub aud: String,
    /// Subject: the account of the token (RFC 7519 §4.1.2).
    pub sub: UserId,
    /// The session of the token.
    pub sid: SessionId,
    /// The token's own identifier, a `UUIDv7` (RFC 7519 §4.1.7).
    pub jti: uuid::Uuid,
    /// Issued at, seconds since the Unix epoch (RFC 7519 §4.1.6).
    pub iat: i64,
    /// Expiry, seconds since the Unix epoch (RFC 7519 §4.1.4).
    pub exp: i64,
    /// Time of the sign-in, seconds since the Unix epoch (RFC 9068 §2.2.1).
    pub auth_time: i64,
    /// The scopes of the token (RFC 8693 §4.2).
    pub scope: Scopes,
    /// The roles of the account, which grant the scopes (RFC 9068 §2.2.3.1).
    pub roles: Vec<String>,
    /// The account's username when the token was issued.
    pub username: String,
    /// The account's token version when the token was issued. The token is revoked as soon as the account has a later
    /// version. Tokens of earlier builds name the claim `epoch`, and stay valid until they expire.
    #[serde(alias = "epoch")]
    pub token_version: i64,
    /// The place of the token's status in a status list (draft-ietf-oauth-status-list). `None` if the issuer publishes
    /// no lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The `kid` of the key that has verified the token, from the token's header (RFC 7515 §4.1.4). Empty in claims
    /// that no [`Verifier`](super::Verifier) has returned.
    #[serde(skip)]
    pub kid: String,
    /// Claims that the operator configured.
    #[serde(flatten)]
    pub custom: BTreeMap<String, Value>,
}

/// A set of scopes. A token contains it as one string, separated by spaces (RFC 6749 §3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Whether the set contains the scope.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }
}

impl From<String> for Scopes {
    fn from(scope: String) -> Self {
        scope.split(' ').filter(|scope| !scope.is_empty()).collect()
    }
}

impl<S: Into<String>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        let mut scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
