use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, Url, header::ACCEPT, redirect::Policy};
use serde::Deserialize;

use super::IssuerError;

/// The maximum size of metadata and of a key set, bytes.
const MAX_KEYS_BYTES: usize = 512 * 1024;

/// The maximum size of a status list token, bytes. A list of 1 MiB that cannot be compressed fits in.
const MAX_LIST_BYTES: usize = 2 * 1024 * 1024;

/// The maximum number of redirects of one request. They stay on the same origin.
const MAX_REDIRECTS: usize = 3;

/// Fetches documents by HTTPS.
#[derive(Clone)]
pub(super) struct Fetcher(Client);

impl Fetcher {
    /// A fetcher whose requests take at most this time.
    pub(super) fn new(max_time: Duration) -> Result<Self, reqwest::Error> {
        let same_origin = Policy::custom(|attempt| {
            let is_same =
                attempt.previous().last().is_some_and(|last| last.origin() == attempt.url().origin());
            if is_same && attempt.previous().len() <= MAX_REDIRECTS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        let client =
            Client::builder().timeout(max_time).redirect(same_origin).user_agent(USER_AGENT).build()?;
        Ok(Self(client))
    }

    /// Fetches a key set.
    pub(super) async fn keys(&self, url: &Url) -> Result<Vec<u8>, IssuerError> {
        read(self.get(url, "application/jwk-set+json, application/json").await?, MAX_KEYS_BYTES).await
    }

    /// Fetches a status list token.
    pub(super) async fn status_list(&self, url: &Url) -> Result<Vec<u8>, IssuerError> {
        read(self.get(url, "application/statuslist+jwt").await?, MAX_LIST_BYTES).await
    }

    /// Finds the URL of the key set in the metadata of an issuer: OpenID Connect Discovery 1.0 §4, otherwise RFC 8414
    /// §3.
    pub(super) async fn discover(&self, issuer: &str) -> Result<Url, IssuerError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }
        let base = permitted_url(issuer).ok_or_else(|| IssuerError::ForbiddenUrl(issuer.to_owned()))?;
        let path = base.path().trim_end_matches('/');
        let with_path = |path: &str| {
            let mut url = base.clone();
            url.set_path(path);
            url
        };
        let openid = with_path(&format!("{path}/.well-known/openid-configuration"));
        let response = match self.get(&openid, "application/json").await {
            Err(IssuerError::Status(StatusCode::NOT_FOUND)) => {
                let oauth = with_path(&format!("/.well-known/oauth-authorization-server{path}"));
                self.get(&oauth, "application/json").await?
            }
            response => response?,
        };
        let body = read(response, MAX_KEYS_BYTES).await?;
        let metadata: Metadata = serde_json::from_slice(&body).map_err(|_| IssuerError::Metadata)?;
        if metadata.issuer != issuer {
            return Err(IssuerError::Metadata);
        }
        permitted_url(&metadata.jwks_uri).ok_or(IssuerError::ForbiddenUrl(metadata.jwks_uri))
    }

    async fn get(&self, url: &Url, accept: &str) -> Result<Response, IssuerError> {
        let response = self.0.get(url.clone()).header(ACCEPT, accept).send().await?;
        if response.status() == StatusCode::OK {
            Ok(response)
        } else {
            Err(IssuerError::Status(response.status()))
        }
    }
}

const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// Reads the body, and stops as soon as it is too large.
async fn read(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, IssuerError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max_bytes {
            return Err(IssuerError::TooLarge(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Parses a URL that may be fetched: `https`, or `http` on this machine, where nobody listens in. Without credentials,
/// because those would appear in logs.
pub(super) fn permitted_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost"
        || address.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    let is_private = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    (is_private && url.username().is_empty() && url.password().is_none()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_may_be_fetched() {
        for url in ["https://id.example", "http://127.0.0.1:4000/x", "http://[::1]:4000", "http://localhost"]
        {
            assert!(permitted_url(url).is_some(), "{url}");
        }
        for url in [
            "http://id.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://169.254.169.254/latest",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "https://user:password@id.example",
            "https://127.0.0.1@id.example",
            "id.example",
            "",
        ] {
            assert!(permitted_url(url).is_none(), "{url}");
        }
    }
}
