use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{StatusCode, Version, header::HOST},
};

use super::graphql::RequestError;
use crate::{
    config::{HttpConfig, WebOrigin},
    graphql::ApiError,
};

/// The hosts that requests may name. In a DNS rebinding attack, the host name of a foreign page resolves to the
/// server's address: the browser treats both as the same origin, and only the Host header tells them apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Any host, because the server cannot know all names that proxies and other services use for it.
    Any,
    /// The loopback names and addresses.
    Loopback,
    /// The names that the operator has listed, and the host of the public URL.
    Listed(Vec<String>),
}

impl Hosts {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        if !config.hosts.is_empty() {
            let public = WebOrigin::of_url(&config.public_url()).map(|url| url.host().to_owned());
            let listed = config.hosts.iter().map(|host| host.to_ascii_lowercase());
            return Self::Listed(listed.chain(public).collect());
        }
        let is_loopback = config.listen.ip().to_canonical().is_loopback();
        if is_loopback && config.public_url.is_none() { Self::Loopback } else { Self::Any }
    }

    /// Checks that a request names exactly one host, and an accepted one. Probes may name any host, because
    /// orchestrators call the server by its address, and the response to a probe is the same for every client.
    pub(super) fn check(&self, request: &Request, is_probe: bool) -> Result<(), RequestError> {
        let Some(named) = named(request)? else {
            // HTTP/1.0 has no mandatory Host header, and no browser uses it.
            return Ok(());
        };
        if is_probe || self.accepts(named.host()) {
            return Ok(());
        }
        let message = match self {
            Self::Any | Self::Listed(_) => {
                "The request names a host that is neither in http.hosts nor that of http.public_url."
            }
            Self::Loopback => {
                "Without http.public_url, a server on a loopback address accepts only loopback names such as \
                 localhost. Set http.public_url, or list the host in http.hosts."
            }
        };
        Err(RequestError(StatusCode::MISDIRECTED_REQUEST, ApiError::bad_user_input(message)))
    }

    fn accepts(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => is_loopback(host),
            Self::Listed(listed) => listed.iter().any(|listed| listed == host),
        }
    }
}

/// The host that a request names, in its target or its Host header (RFC 9112 §3.2, RFC 9113 §8.3.1).
///
/// # Errors
/// If it names no host, several hosts, or an invalid one.
fn named(request: &Request) -> Result<Option<WebOrigin>, RequestError> {
    let scheme = request.uri().scheme_str().unwrap_or("http");
    let mut headers = request.headers().get_all(HOST).iter();
    let header = headers.next().map(|value| value.to_str().ok().and_then(|host| WebOrigin::of(scheme, host)));
    let target = request.uri().authority().map(|authority| WebOrigin::of(scheme, authority.as_str()));
    let is_one = headers.next().is_none();
    match (header, target) {
        (Some(Some(header)), Some(Some(target))) if is_one && header == target => Ok(Some(target)),
        (Some(Some(host)), None) | (None, Some(Some(host))) if is_one => Ok(Some(host)),
        (None, None) if request.version() < Version::HTTP_11 => Ok(None),
        _ => {
            let message = "A request must name one host, in one valid Host header.";
            Err(RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input(message)))
        }
    }
}

/// Whether a host is a loopback name or address (RFC 6761 §6.3).
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
