use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Status;
use crate::id::{PersonalAccessTokenId, SessionId, UserId};

/// The authentication context class of a sign-in with one factor (NIST SP 800-63B).
pub const ONE_FACTOR: &str = "aal1";

/// The authentication context class of a sign-in with two factors (NIST SP 800-63B).
pub const TWO_FACTORS: &str = "aal2";

/// The claims of an access token: those of RFC 9068 §2.2, and some of our own.
///
/// The claims that RFC 9068 leaves to the issuer are optional, because other providers do not have them. The tokens of
/// Portcullis have all of them, and an [`account`](Claims::account).
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{Portcullis, testing::TestServer};
///
/// let server = TestServer::start(Portcullis::builder()).await;
/// let ada = server.sign_in("ada", &["admin"]).await;
/// let header = format!("Bearer {}", ada.access_token);
/// let caller = server.portcullis().authenticator().authenticate_header(&header).await;
/// let caller = caller.map_err(|error| error.message())?;
/// let claims = caller.claims().ok_or("anonymous")?;
/// assert_eq!(claims.username, "ada");
/// assert!(claims.scope.contains("users:read"));
/// assert!(claims.aud.contains("portcullis"));
/// assert_eq!(claims.account().map(|account| account.user), Some(ada.id));
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claims {
    /// Issuer of the token (RFC 7519 §4.1.1).
    pub iss: String,
    /// Audience of the token (RFC 7519 §4.1.3).
    pub aud: Audience,
    /// Subject: the account of the token, by an identifier of the issuer (RFC 7519 §4.1.2).
    pub sub: String,
    /// The session of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The personal access token that was exchanged for the token, or that is the token. `None` for the token of a
    /// session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pat: Option<String>,
    /// The token's own identifier (RFC 7519 §4.1.7). Portcullis uses a `UUIDv7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Issued at, seconds since the Unix epoch (RFC 7519 §4.1.6).
    pub iat: i64,
    /// Expiry, seconds since the Unix epoch (RFC 7519 §4.1.4).
    pub exp: i64,
    /// Time of the sign-in, seconds since the Unix epoch (RFC 9068 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The authentication context class of the sign-in (RFC 9068 §2.2.1). Portcullis uses `aal1` for one factor and `aal2`
    /// for two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The authentication methods of the sign-in, such as `pwd` (RFC 8176). Empty if the issuer does not name them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The scopes of the token (RFC 8693 §4.2).
    pub scope: Scopes,
    /// The roles of the account, which grant the scopes (RFC 9068 §2.2.3.1).
    pub roles: Vec<String>,
    /// The account's username when the token was issued. The subject if the token names no username.
    pub username: String,
    /// The account's token version when the token was issued. The token is revoked as soon as the account has a later
    /// version. Tokens of earlier builds name the claim `epoch`, and stay valid until they expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_version: Option<i64>,
    /// The place of the token's status in a status list (draft-ietf-oauth-status-list). `None` if the issuer publishes
    /// no lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The `kid` of the key that has verified the token, from the token's header (RFC 7515 §4.1.4). Empty in claims
    /// that no [`Verifier`](super::Verifier) has returned.
    #[serde(skip)]
    pub kid: String,
    /// Whether the claims were read from the database for an opaque token, so that they have no signature.
    #[serde(skip)]
    pub(crate) is_opaque: bool,
    /// See [`Claims::account`]. It is parsed once, because every guard asks for it.
    #[serde(skip)]
    pub(crate) account: Option<TokenAccount>,
    /// All other claims, such as those that the operator configured.
    #[serde(flatten)]
    pub custom: BTreeMap<String, Value>,
}

/// The account of a token of Portcullis, and the source of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenAccount {
    /// The account: the `sub` claim.
    pub user: UserId,
    /// The source of the token.
    pub source: TokenSource,
    /// The account's token version when the token was issued.
    pub token_version: i64,
}

/// The source of a token of Portcullis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// A session, in which a user signed in: the `sid` claim.
    Session(SessionId),
    /// A personal access token, which a program uses without a session: the `pat` claim.
    PersonalAccessToken(PersonalAccessTokenId),
}

impl TokenAccount {
    /// The session of the token. `None` for a personal access token.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self.source {
            TokenSource::Session(session) => Some(session),
            TokenSource::PersonalAccessToken(_) => None,
        }
    }
}

impl Claims {
    /// The account and the source of the token. `None` if another provider issued it. The server's own verifier
    /// rejects such tokens.
    #[must_use]
    pub const fn account(&self) -> Option<TokenAccount> {
        self.account
    }

    /// Whether the sign-in has this authentication context class, or a stronger one: [`TWO_FACTORS`] is stronger than
    /// [`ONE_FACTOR`].
    #[must_use]
    pub fn has_authentication_class(&self, class: &str) -> bool {
        let own = self.acr.as_deref();
        own == Some(class) || (class == ONE_FACTOR && own == Some(TWO_FACTORS))
    }

    /// Whether the token is a personal access token, or was exchanged for one. No user has signed in with it.
    #[must_use]
    pub const fn is_personal_access_token(&self) -> bool {
        self.pat.is_some()
    }
}

/// The audience of a token: one service, or several (RFC 7519 §4.1.3).
///
/// ```
/// use portcullis::tokens::Audience;
///
/// let audience = Audience::Several(vec!["shop".to_owned(), "news".to_owned()]);
/// assert!(audience.contains("shop"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Audience {
    /// One service.
    One(String),
    /// A list of services.
    Several(Vec<String>),
}

impl Audience {
    /// Whether the token is for this service.
    #[must_use]
    pub fn contains(&self, service: &str) -> bool {
        match self {
            Self::One(own) => own == service,
            Self::Several(services) => services.iter().any(|own| own == service),
        }
    }
}

/// A set of scopes. A token contains it as one string, separated by spaces (RFC 6749 §3.3).
///
/// ```
/// use portcullis::tokens::Scopes;
///
/// let scopes = Scopes::from("notes:write notes:read".to_owned());
/// assert!(scopes.contains("notes:read") && !scopes.contains("notes"));
/// assert_eq!(scopes.iter().collect::<Vec<_>>(), ["notes:read", "notes:write"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Whether the set contains the scope.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
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
