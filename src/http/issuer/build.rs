use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::ExposeSecret;

use super::{
    AuthenticatorBuilder, BuildError, IssuerClient,
    builder::Keys,
    load::{KeySource, Loader},
    refresh::Schedule,
};
#[cfg(feature = "client")]
use super::{fetch::Fetcher, load::configured_url};
use crate::{
    clock::Timestamp,
    http::Authenticator,
    tokens::{IssuerDocument, TokenFormat, VerificationKeys, Verifier, VerifierConfig},
};

/// The minimum length of a shared secret, bytes (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

impl AuthenticatorBuilder {
    /// Loads the keys, starts the background task that keeps them fresh, and returns the authenticator.
    ///
    /// # Errors
    /// If something required is missing or invalid, or the keys cannot be loaded, for example because a URL is wrong.
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
    /// A service can then start while its issuer is unreachable.
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
            fetcher: Fetcher::new(self.fetch_timeout).map_err(|error| BuildError::Client(Box::new(error)))?,
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
