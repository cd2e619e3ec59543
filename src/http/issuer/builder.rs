use std::{path::PathBuf, time::Duration};

use secrecy::SecretSlice;

#[cfg(feature = "client")]
use crate::tokens::WhenUnavailable;
use crate::{
    clock::Clock,
    tokens::{ClaimNames, JwkSet},
};

/// Builds an [`Authenticator`](super::super::Authenticator) for the tokens of an issuer. See
/// [`Authenticator::builder`](super::super::Authenticator::builder).
///
/// The issuer and the audience are required. The keys come from the issuer's metadata, unless a method gives another
/// source; the last call counts.
///
/// For another provider, here with a secret instead of keys:
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use portcullis::Authenticator;
///
/// let authenticator = Authenticator::builder()
///     .issuer("https://sso.example.com")
///     .audience("shop")
///     .shared_secret("a secret of thirty-two bytes, or more")
///     .accept_jwt_type()
///     .roles_claim("realm_access.roles")
///     .username_claim("preferred_username")
///     .max_lifetime(Duration::from_hours(1))
///     .build()
///     .await?;
/// let caller = authenticator.authenticate_header("Bearer x").await;
/// assert!(caller.is_err());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct AuthenticatorBuilder {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) keys: Keys,
    pub(super) clock: Clock,
    pub(super) clock_skew: Duration,
    pub(super) max_lifetime: Duration,
    pub(super) accept_jwt_type: bool,
    pub(super) names: ClaimNames,
    pub(super) refresh_every: Duration,
    pub(super) refresh_at_most_every: Duration,
    pub(super) stale_for: Duration,
    #[cfg(feature = "client")]
    pub(super) fetch_timeout: Duration,
    #[cfg(feature = "client")]
    pub(super) check_status: bool,
    #[cfg(feature = "client")]
    pub(super) status_list_origins: Vec<String>,
    #[cfg(feature = "client")]
    pub(super) when_unavailable: WhenUnavailable,
}

/// The source of the keys, as it was configured.
pub(super) enum Keys {
    Discovered,
    #[cfg(feature = "client")]
    Url(String),
    File(PathBuf),
    Set(JwkSet),
    Secret(SecretSlice<u8>),
}

impl Default for AuthenticatorBuilder {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            keys: Keys::Discovered,
            clock: Clock::system(),
            clock_skew: Duration::from_secs(30),
            max_lifetime: Duration::from_hours(24),
            accept_jwt_type: false,
            names: ClaimNames::default(),
            refresh_every: Duration::from_mins(5),
            refresh_at_most_every: Duration::from_secs(5),
            stale_for: Duration::from_hours(24),
            #[cfg(feature = "client")]
            fetch_timeout: Duration::from_secs(5),
            #[cfg(feature = "client")]
            check_status: false,
            #[cfg(feature = "client")]
            status_list_origins: Vec::new(),
            #[cfg(feature = "client")]
            when_unavailable: WhenUnavailable::Refuse,
        }
    }
}

impl AuthenticatorBuilder {
    /// The `iss` claim of the tokens: the URL of the issuer, exactly as the issuer writes it. Its metadata is fetched to
    /// find the keys, unless they have another source.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The `aud` claim of the tokens: the name of this service at the issuer. For Portcullis it is `tokens.audience`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The keys are fetched from this URL of a key set (RFC 7517 §5).
    #[cfg(feature = "client")]
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.keys = Keys::Url(url.into());
        self
    }

    /// The keys are read from a file with a key set, and again when it has changed.
    pub fn jwks_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.keys = Keys::File(path.into());
        self
    }

    /// The keys of this set, which do not change.
    pub fn jwks(mut self, keys: JwkSet) -> Self {
        self.keys = Keys::Set(keys);
        self
    }

    /// The secret of at least 32 bytes that this service shares with the issuer, for HS256.
    pub fn shared_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.keys = Keys::Secret(secret.as_ref().to_vec().into());
        self
    }

    /// Accepts tokens of the type `JWT`, or without a type, beside `at+jwt` (RFC 9068 §2.1). Many providers write no
    /// other. An ID token then differs from an access token only by its audience, so the audience of this service must
    /// not be the client id of an application. By default no ID token is accepted.
    pub fn accept_jwt_type(mut self) -> Self {
        self.accept_jwt_type = true;
        self
    }

    /// The claim with the scopes, as a string or a list. By default `scope`, otherwise `scp`.
    pub fn scope_claim(mut self, name: impl Into<String>) -> Self {
        self.names.scope = vec![name.into()];
        self
    }

    /// The claim with the roles: a name, or a path such as `realm_access.roles`. By default `roles`.
    pub fn roles_claim(mut self, name: impl Into<String>) -> Self {
        self.names.roles = vec![name.into()];
        self
    }

    /// The claim with the username. By default `username`, otherwise `preferred_username`.
    pub fn username_claim(mut self, name: impl Into<String>) -> Self {
        self.names.username = vec![name.into()];
        self
    }

    /// The maximum time by which the issuer's clock may be ahead. By default 30 seconds.
    pub fn clock_skew(mut self, time: Duration) -> Self {
        self.clock_skew = time;
        self
    }

    /// The maximum lifetime of a token, whatever its `exp` claim says. By default 24 hours.
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        self.max_lifetime = time;
        self
    }

    /// The interval in which the keys are loaded again. By default 5 minutes.
    pub fn refresh_every(mut self, time: Duration) -> Self {
        self.refresh_every = time;
        self
    }

    /// The minimum time between two loads of a document, however many tokens name an unknown key. By default
    /// 5 seconds.
    pub fn refresh_at_most_every(mut self, time: Duration) -> Self {
        self.refresh_at_most_every = time;
        self
    }

    /// The time for which the keys are used after they were loaded for the last time, while the issuer is unreachable.
    /// Afterwards tokens are refused as [`TokenError::Unverifiable`](crate::tokens::TokenError::Unverifiable). By
    /// default 24 hours.
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.stale_for = time;
        self
    }

    /// The maximum time of one request to the issuer. By default 5 seconds.
    #[cfg(feature = "client")]
    pub fn fetch_timeout(mut self, time: Duration) -> Self {
        self.fetch_timeout = time;
        self
    }

    /// Whether the status of tokens is checked in the status lists of the issuer (draft-ietf-oauth-status-list), so that
    /// a token of a session that has ended is refused as soon as the list was fetched again. A token that names no list
    /// is valid until it expires. By default off.
    #[cfg(feature = "client")]
    pub fn check_status(mut self, check: bool) -> Self {
        self.check_status = check;
        self
    }

    /// Decides about a token whose status list is unavailable. By default it is refused.
    #[cfg(feature = "client")]
    pub fn when_status_unavailable(mut self, what: WhenUnavailable) -> Self {
        self.when_unavailable = what;
        self
    }

    /// Status lists are also fetched from the origin of this URL. By default only from that of the issuer.
    #[cfg(feature = "client")]
    pub fn status_list_origin(mut self, url: impl Into<String>) -> Self {
        self.status_list_origins.push(url.into());
        self
    }

    /// The source of time. By default the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}
