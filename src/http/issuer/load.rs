use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

#[cfg(feature = "client")]
use reqwest::Url;

use super::IssuerError;
#[cfg(feature = "client")]
use super::fetch::{Fetcher, permitted_url};
use crate::{
    clock::Clock,
    tokens::{IssuerDocument, VerificationKeys, Verifier},
};

/// The maximum size of a file with a key set, bytes.
const MAX_FILE_BYTES: usize = 512 * 1024;

/// The source of the keys.
#[derive(Clone, Debug)]
pub(super) enum KeySource {
    /// A file, which an operator replaces.
    File(PathBuf),
    /// The URL of a key set.
    #[cfg(feature = "client")]
    Url(Url),
    /// The metadata of this issuer has the URL.
    #[cfg(feature = "client")]
    Issuer(String),
}

/// Loads the documents of an issuer into its verifier.
#[derive(Clone)]
pub(super) struct Loader {
    pub(super) verifier: Arc<Verifier>,
    pub(super) clock: Clock,
    /// `None` if the keys are fixed.
    pub(super) keys: Option<KeySource>,
    /// The time after a fetch until which the keys are used.
    pub(super) stale_for: Duration,
    /// The interval in which the keys are fetched again.
    pub(super) refresh_every: Duration,
    /// The key set that was loaded last.
    pub(super) last_keys: Arc<Mutex<Vec<u8>>>,
    #[cfg(feature = "client")]
    pub(super) fetcher: Fetcher,
    /// The URLs from whose origins status lists are fetched.
    #[cfg(feature = "client")]
    pub(super) status_list_origins: Vec<Url>,
}

impl Loader {
    /// Loads a document. Returns the time after which it must be loaded again.
    pub(super) async fn load(&self, document: &IssuerDocument) -> Result<Duration, IssuerError> {
        match document {
            IssuerDocument::Keys => self.load_keys().await,
            #[cfg(feature = "client")]
            IssuerDocument::StatusList(url) => self.load_status_list(url).await,
            #[cfg(not(feature = "client"))]
            IssuerDocument::StatusList(_) => Err(IssuerError::NotLoaded),
        }
    }

    async fn load_keys(&self) -> Result<Duration, IssuerError> {
        let text = match self.keys.as_ref().ok_or(IssuerError::NotLoaded)? {
            KeySource::File(path) => read_file(path.clone()).await?,
            #[cfg(feature = "client")]
            KeySource::Url(url) => self.fetcher.keys(url).await?,
            #[cfg(feature = "client")]
            KeySource::Issuer(issuer) => self.fetcher.keys(&self.fetcher.discover(issuer).await?).await?,
        };
        let keys = VerificationKeys::from_provider(&text)?;
        let mut last = self.last_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != text {
            self.verifier.set_keys(keys);
            *last = text;
        }
        self.verifier.use_keys_until(self.clock.now() + self.stale_for);
        Ok(self.refresh_every)
    }

    #[cfg(feature = "client")]
    async fn load_status_list(&self, url: &str) -> Result<Duration, IssuerError> {
        let parsed = self.status_list_url(url).ok_or_else(|| IssuerError::ForbiddenUrl(url.to_owned()))?;
        let text = self.fetcher.status_list(&parsed).await?;
        let (verifier, url) = (Arc::clone(&self.verifier), url.to_owned());
        // A list of a megabyte takes milliseconds to decompress.
        let stored = tokio::task::spawn_blocking(move || {
            let token = str::from_utf8(&text).unwrap_or_default();
            verifier.store_status_list(&url, token)
        });
        Ok(stored.await.map_err(|_| IssuerError::NotLoaded)??)
    }

    /// A verified token names the URL. Nevertheless it must not make this service send requests to any other, because
    /// an attacker may control what some issuer signs (server-side request forgery).
    #[cfg(feature = "client")]
    fn status_list_url(&self, url: &str) -> Option<Url> {
        let url = permitted_url(url)?;
        self.status_list_origins.iter().any(|origin| origin.origin() == url.origin()).then_some(url)
    }
}

async fn read_file(path: PathBuf) -> Result<Vec<u8>, IssuerError> {
    let read = tokio::task::spawn_blocking(move || std::fs::read(path));
    let text = read.await.map_err(std::io::Error::other)??;
    if text.len() > MAX_FILE_BYTES { Err(IssuerError::TooLarge(MAX_FILE_BYTES)) } else { Ok(text) }
}

/// Parses a URL of the configuration.
#[cfg(feature = "client")]
pub(super) fn configured_url(text: &str) -> Result<Url, super::BuildError> {
    permitted_url(text).ok_or_else(|| super::BuildError::Url(text.to_owned()))
}
