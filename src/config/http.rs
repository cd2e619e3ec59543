use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::http::{HeaderName, uri::Authority};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{InvalidValue, StreamsConfig, WebOrigin, ensure, ensure_between};

/// `[http]`: the listener, its limits, and the proxies in front of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The URL at which clients reach the server. All paths are served below its path. It is published by discovery and
    /// is the default issuer of tokens. Default: `http://` and the address of `listen`.
    pub public_url: Option<String>,
    /// The host names that requests may use, in addition to that of `public_url`. If the list is empty, a server that
    /// listens on a loopback address without `public_url` accepts only loopback names. Other servers accept all names.
    pub hosts: Vec<String>,
    /// The proxies whose `X-Forwarded-For` header is trusted, as addresses or networks in CIDR notation.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The origins of other sites whose pages may use the API, with cookies (CORS).
    pub cors_origins: Vec<String>,
    /// The request headers that those pages may send, in addition to those of common GraphQL clients.
    pub cors_headers: Vec<String>,
    /// The kind of cookie in which browsers store refresh tokens.
    pub cookies: Cookies,
    /// The maximum size of a request body, in bytes.
    pub max_body_bytes: usize,
    /// The maximum size of all request bodies that are being received, in bytes. A body that arrives in one piece is not
    /// counted, because it is not buffered. One address (IPv6: one /64) may use an eighth of it, or one body of the
    /// maximum size. Trusted proxies are exempt. Larger networks have limits as for connections.
    pub max_buffered_bytes: usize,
    /// The maximum number of concurrent GraphQL requests.
    pub max_concurrent_requests: usize,
    /// The maximum number of concurrent requests of one account.
    pub max_concurrent_requests_per_account: usize,
    /// The maximum number of concurrent requests from one address (IPv6: one /64). Trusted proxies are exempt. Larger
    /// networks have limits as for connections.
    pub max_concurrent_requests_per_address: usize,
    /// The maximum number of open connections. At the maximum, a new connection replaces one of a network that has far
    /// more of them, idle and anonymous ones first, or else an idle one.
    pub max_connections: usize,
    /// The maximum number of connections from one address (IPv6: one /64). Trusted proxies are exempt. A /24 (IPv6: a
    /// /48) may have four times as many and an IPv6 /56 twice as many, but neither more than a quarter of
    /// `max_connections`.
    pub max_connections_per_address: usize,
    /// The maximum time in which the headers of a request must arrive.
    #[serde(with = "super::duration")]
    pub header_timeout: Duration,
    /// The maximum time for receiving a request's body, and for executing the request.
    #[serde(with = "super::duration")]
    pub request_timeout: Duration,
    /// The maximum time that a connection may be idle, or that its client may leave a response unread.
    #[serde(with = "super::duration")]
    pub idle_timeout: Duration,
    /// The time that requests in flight have to complete when the server shuts down.
    #[serde(with = "super::duration")]
    pub shutdown_grace: Duration,
    /// Limits of WebSocket connections and event streams.
    pub streams: StreamsConfig,
}

/// The kind of cookie in which browsers store refresh tokens, for clients that request cookie delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cookies {
    /// A cookie that browsers send only over TLS and only to this host.
    Secure,
    /// A cookie that browsers also send without TLS. For development on the local machine.
    Plain,
    /// No cookie: cookie delivery is rejected.
    Off,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            public_url: None,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            cors_headers: Vec::new(),
            cookies: Cookies::Secure,
            max_body_bytes: 256 * 1024,
            max_buffered_bytes: 64 * 1024 * 1024,
            max_concurrent_requests: 1024,
            max_concurrent_requests_per_account: 64,
            max_concurrent_requests_per_address: 256,
            max_connections: 4096,
            max_connections_per_address: 256,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            // Load balancers close idle connections after a minute. They must do so before the server does, otherwise
            // they may send a request on a connection that the server is closing.
            idle_timeout: Duration::from_secs(75),
            shutdown_grace: Duration::from_secs(30),
            streams: StreamsConfig::default(),
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        ensure(
            self.public_url.as_deref().is_none_or(is_public_url),
            "http.public_url",
            "must be http:// or https:// and a host, without a query and without a slash at its end; a path may contain \
             letters, digits and - . _ ~, must not have a segment that begins with a dot, and must not be /healthz or \
             /readyz",
        )?;
        ensure(
            self.hosts.iter().all(|host| is_host(host)),
            "http.hosts",
            "must be host names or addresses without a scheme, a port or a path, such as id.example.com or [::1]",
        )?;
        ensure(
            (1024..=64 * 1024 * 1024).contains(&self.max_body_bytes),
            "http.max_body_bytes",
            "must be between 1024 and 67108864",
        )?;
        ensure(
            self.max_buffered_bytes >= self.max_body_bytes,
            "http.max_buffered_bytes",
            "must be at least http.max_body_bytes, otherwise a body of that size could never be received",
        )?;
        ensure(
            self.trusted_proxies.iter().all(|network| network.prefix_len() > 0),
            "http.trusted_proxies",
            "must not contain all addresses, because any client could then claim any address; list the proxies",
        )?;
        for (limit, key) in [
            (self.max_concurrent_requests, "http.max_concurrent_requests"),
            (self.max_concurrent_requests_per_account, "http.max_concurrent_requests_per_account"),
            (self.max_concurrent_requests_per_address, "http.max_concurrent_requests_per_address"),
            (self.max_connections, "http.max_connections"),
            (self.max_connections_per_address, "http.max_connections_per_address"),
        ] {
            ensure(limit >= 1, key, "must be at least 1")?;
        }
        let (moment, second, hour) =
            (Duration::from_millis(100), Duration::from_secs(1), Duration::from_hours(1));
        ensure_between(self.header_timeout, moment, hour, "http.header_timeout")?;
        ensure_between(self.request_timeout, second, hour, "http.request_timeout")?;
        ensure_between(self.idle_timeout, moment, hour, "http.idle_timeout")?;
        ensure_between(self.shutdown_grace, Duration::ZERO, hour, "http.shutdown_grace")?;
        self.streams.check()?;
        self.check_origins()?;
        self.check_cookies()
    }

    fn check_origins(&self) -> Result<(), InvalidValue> {
        const KEY: &str = "http.cors_origins";
        let has = |name: &str| self.cors_origins.iter().any(|origin| origin == name);
        ensure(
            !has("*"),
            KEY,
            "must not contain \"*\", because any page could then act on behalf of its visitors; list each origin",
        )?;
        ensure(
            !has("null"),
            KEY,
            "must not contain \"null\", because any sandboxed frame and any local file has this origin",
        )?;
        ensure(
            self.cors_origins.iter().all(|origin| is_serialized_origin(origin)),
            KEY,
            "must be origins as browsers write them, such as https://app.example.com or capacitor://localhost: in \
             lower case, without a path, without a slash at the end, and without the scheme's default port",
        )?;
        ensure(
            self.cors_headers.iter().all(|name| name != "*" && name.parse::<HeaderName>().is_ok()),
            "http.cors_headers",
            "must be header names, such as x-tenant; \"*\" is not permitted, because browsers ignore it for requests \
             with cookies",
        )
    }

    /// Returns an error if a refresh token could cross a network unencrypted.
    fn check_cookies(&self) -> Result<(), InvalidValue> {
        let is_local = !self.is_reached_by_others();
        ensure(
            self.cookies == Cookies::Off || is_local || self.is_behind_tls(),
            "http.listen",
            "can be reached from other machines, but the server does not know of TLS in front of it: set \
             http.public_url to the https:// URL that clients use, or http.cookies to off",
        )?;
        ensure(
            self.cookies != Cookies::Plain || is_local,
            "http.cookies",
            "can be plain only for development: if http.listen is a loopback address and http.public_url does not \
             start with https://, or in a container, if http.listen is 0.0.0.0 or [::] and http.public_url is \
             http://localhost",
        )
    }

    /// Whether other machines are meant to reach the server: it is behind TLS, or does not listen on a loopback address
    /// only.
    #[must_use]
    #[doc(hidden)]
    pub fn is_reached_by_others(&self) -> bool {
        let is_loopback = self.listen.ip().to_canonical().is_loopback();
        self.is_behind_tls() || !(is_loopback || self.is_published_locally())
    }

    /// Whether the server listens on all addresses, but clients use a URL of their own machine. This is a container
    /// whose port a developer's machine publishes: it cannot listen on that machine's loopback address.
    #[must_use]
    #[doc(hidden)]
    pub fn is_published_locally(&self) -> bool {
        let url = self.public_url.as_deref().and_then(|url| url.strip_prefix("http://"));
        self.listen.ip().to_canonical().is_unspecified() && url.is_some_and(is_local_host)
    }

    /// The URL at which clients reach the server, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// The path of the public URL, below which all paths are served: empty, or `/` and segments, without a slash at the
    /// end.
    #[must_use]
    pub fn base_path(&self) -> &str {
        let url = self.public_url.as_deref().and_then(|url| url.split_once("://"));
        url.and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..])).unwrap_or_default()
    }

    /// Whether a proxy in front of the server terminates TLS.
    #[must_use]
    #[doc(hidden)]
    pub fn is_behind_tls(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// Deserializes addresses and networks. An address becomes a network with this one address.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let text = text.trim();
        let address = || text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical()));
        text.parse().or_else(|_| address()).map_err(|_| D::Error::custom("an address or a network"))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
}

/// Whether a text is a scheme, a host and optionally a valid base path.
fn is_public_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    !host.is_empty() && !host.contains(['?', '#', ' ']) && is_base_path(path)
}

/// Whether a path can be the base path. It may contain only unreserved characters (RFC 3986 §2.3), so that browsers and
/// proxies write it in only one way. It must not be a path that the server serves at the root.
fn is_base_path(path: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment =
        |text: &str| !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_unreserved);
    path.is_empty() || (path.split('/').skip(1).all(is_segment) && !["/healthz", "/readyz"].contains(&path))
}

/// Whether an authority names the local machine (RFC 6761 §6.3).
fn is_local_host(authority: &str) -> bool {
    let authority = authority.split('/').next().unwrap_or_default();
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_name = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    // A user name is not part of an origin, and would hide the host from a reader.
    !authority.as_str().contains('@')
        && (is_name || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback()))
}

/// Whether a text is a host name or an address, without a port.
fn is_host(text: &str) -> bool {
    WebOrigin::of("http", text).is_some_and(|origin| origin.host().eq_ignore_ascii_case(text))
}

/// Whether a text is an origin in the spelling of the `Origin` header.
pub(super) fn is_serialized_origin(text: &str) -> bool {
    WebOrigin::parse(text).is_some_and(|origin| origin.can_be_listed() && origin.to_string() == text)
}
