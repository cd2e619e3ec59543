use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretSlice};

use super::{
    BuildError, IssuerClient,
    load::{KeySource, Loader},
    refresh::Schedule,
};
#[cfg(feature = "client")]
use super::{fetch::Fetcher, load::configured_url};
use crate::{
    clock::{Clock, Timestamp},
    http::Authenticator,
    tokens::{ClaimNames, IssuerDocument, JwkSet, TokenFormat, VerificationKeys, Verifier, VerifierConfig},
};

#[cfg(feature = "client")]
use crate::tokens::WhenUnavailable;

/// The minimum length of a shared secret, bytes (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Builds an [`Authenticator`] for the tokens of an issuer. See [`Authenticator::builder`].
///
/// The issuer and the audience are required. The keys come from the issuer's metadata, unless a method gives another
/// source; the last call counts.
#[must_use]
pub struct AuthenticatorBuilder {
    issuer: Option<String>,
    audience: Option<String>,
    keys: Keys,
    clock: Clock,
    clock_skew: Duration,
    max_lifetime: Duration,
    accept_jwt_type: bool,
    names: ClaimNames,
    refresh_every: Duration,
    refresh_at_most_every: Duration,
    stale_for: Duration,
    #[cfg(feature = "client")]
    fetch_timeout: Duration,
    #[cfg(feature = "client")]
    check_status: bool,
    #[cfg(feature = "client")]
    status_list_origins: Vec<String>,
    #[cfg(feature = "client")]
    when_unavailable: WhenUnavailable,
}

/// The source of the keys, as it was configured.
enum Keys {
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

    /// What happens to a token whose status list is unavailable. By default it is refused.
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

    /// Loads the keys, starts the background task that keeps them fresh, and returns the authenticator.
    ///
    /// # Errors
    /// If something required is missing or invalid, or the keys cannot be loaded. So a wrong URL is noticed at the start.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn build(self) -> Result<Authenticator, BuildError> {
        let first_load_in = self.refresh_every;
        let (verifier, loader, schedule) = self.prepare(first_load_in)?;
        if loader.keys.is_some() {
            loader.load(&IssuerDocument::Keys).await?;
        }
        Ok(start(verifier, loader, schedule))
    }

    /// Returns the authenticator without waiting for the keys. Tokens are refused as
    /// [`TokenError::Unverifiable`](crate::tokens::TokenError::Unverifiable) until the background task has loaded them.
    /// So a service can start while its issuer is unreachable.
    ///
    /// # Errors
    /// If something required is missing or invalid.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn build_lazily(self) -> Result<Authenticator, BuildError> {
        let (verifier, loader, schedule) = self.prepare(Duration::ZERO)?;
        if loader.keys.is_some() {
            verifier.use_keys_until(Timestamp::UNIX_EPOCH);
        }
        Ok(start(verifier, loader, schedule))
    }

    fn prepare(self, first_load_in: Duration) -> Result<(Arc<Verifier>, Loader, Schedule), BuildError> {
        let issuer = self.issuer.clone().ok_or(BuildError::NoIssuer)?;
        let config = VerifierConfig {
            issuer: Some(issuer.clone()),
            audience: self.audience.clone().ok_or(BuildError::NoAudience)?,
            clock_skew: self.clock_skew,
            max_lifetime: self.max_lifetime,
            format: TokenFormat::AnyProvider {
                accept_jwt_type: self.accept_jwt_type,
                names: self.names.clone(),
            },
        };
        let (fixed, source) = self.keys(&issuer)?;
        let verifier = Verifier::new(&config, fixed, self.clock.clone());
        #[cfg(feature = "client")]
        let verifier =
            if self.check_status { verifier.checking_status(self.when_unavailable) } else { verifier };
        let verifier = Arc::new(verifier);
        let loader = Loader {
            verifier: Arc::clone(&verifier),
            clock: self.clock.clone(),
            keys: source,
            stale_for: self.stale_for,
            refresh_every: self.refresh_every,
            last_keys: Arc::new(Mutex::default()),
            #[cfg(feature = "client")]
            fetcher: Fetcher::new(self.fetch_timeout).map_err(BuildError::Client)?,
            #[cfg(feature = "client")]
            status_list_origins: self.status_list_urls(&issuer)?,
        };
        Ok((verifier, loader, Schedule { first_load_in, min_interval: self.refresh_at_most_every }))
    }

    /// The fixed keys, or their source.
    fn keys(&self, issuer: &str) -> Result<(VerificationKeys, Option<KeySource>), BuildError> {
        let source = match &self.keys {
            Keys::Secret(secret) if secret.expose_secret().len() < MIN_SECRET_BYTES => {
                return Err(BuildError::ShortSecret);
            }
            Keys::Secret(secret) => {
                let keys = VerificationKeys::default().with_shared_secret(secret.expose_secret());
                return Ok((keys, None));
            }
            Keys::Set(set) => return Ok((VerificationKeys::from_jwks(set)?, None)),
            Keys::File(path) => KeySource::File(path.clone()),
            #[cfg(feature = "client")]
            Keys::Url(url) => KeySource::Url(configured_url(url)?),
            #[cfg(feature = "client")]
            Keys::Discovered => {
                configured_url(issuer)?;
                KeySource::Issuer(issuer.to_owned())
            }
            #[cfg(not(feature = "client"))]
            Keys::Discovered => {
                tracing::debug!(issuer, "the metadata of the issuer is not fetched");
                return Err(BuildError::NoKeys);
            }
        };
        Ok((VerificationKeys::default(), Some(source)))
    }

    #[cfg(feature = "client")]
    fn status_list_urls(&self, issuer: &str) -> Result<Vec<reqwest::Url>, BuildError> {
        if !self.check_status {
            return Ok(Vec::new());
        }
        let issuer = std::iter::once(issuer);
        issuer.chain(self.status_list_origins.iter().map(String::as_str)).map(configured_url).collect()
    }
}

/// Starts the background task, if there is anything to load.
fn start(verifier: Arc<Verifier>, loader: Loader, schedule: Schedule) -> Authenticator {
    let loads = loader.keys.is_some() || verifier.checks_status();
    let client = loads.then(|| IssuerClient::start(loader, schedule));
    Authenticator::of_issuer(verifier, client)
}
