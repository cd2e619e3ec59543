use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Impossible, require, require_between};

/// `[http]`: the listener and what stands before it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The URL under which clients reach the server, without a path. Discovery tells it, and it is
    /// the issuer of the tokens. Without it, `http://` and the address of `listen`.
    pub public_url: Option<String>,
    /// The proxies whose `X-Forwarded-For` is believed, as addresses or networks in CIDR notation.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long a request may take.
    #[serde(with = "super::duration")]
    pub request_timeout: Duration,
    /// How long requests in flight may go on when the server stops.
    #[serde(with = "super::duration")]
    pub shutdown_grace: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            public_url: None,
            trusted_proxies: Vec::new(),
            max_body_bytes: 256 * 1024,
            request_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        let is_origin = |url: &String| {
            url.strip_prefix("https://")
                .or_else(|| url.strip_prefix("http://"))
                .is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ']))
        };
        require(
            self.public_url.as_ref().is_none_or(is_origin),
            "http.public_url",
            "must be http:// or https:// and a host, with no path and no slash at its end",
        )?;
        require(
            (1024..=64 * 1024 * 1024).contains(&self.max_body_bytes),
            "http.max_body_bytes",
            "must be between 1024 and 67108864",
        )?;
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        require_between(self.request_timeout, second, hour, "http.request_timeout")?;
        require_between(self.shutdown_grace, Duration::ZERO, hour, "http.shutdown_grace")
    }

    /// The URL under which clients reach the server, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }
}
