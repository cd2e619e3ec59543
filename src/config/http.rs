use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::http::{HeaderName, uri::Authority};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{Impossible, StreamsConfig, WebOrigin, require, require_between};

/// `[http]`: the listener, what stands before it, and how much of it one may use.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The URL under which clients reach the server. Everything is served below its path. Discovery tells it, and it
    /// is the issuer of the tokens. Without it, `http://` and the address of `listen`.
    pub public_url: Option<String>,
    /// The host names that requests may use, besides that of `public_url`. Without any, a server on a loopback address
    /// without `public_url` accepts loopback names, and another any name.
    pub hosts: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is believed, as addresses or networks in CIDR notation.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The origins of other sites whose pages may use the API, with cookies.
    pub cors_origins: Vec<String>,
    /// Request headers that those pages may send, besides those that GraphQL clients send.
    pub cors_headers: Vec<String>,
    /// How refresh tokens are kept in browsers.
    pub cookies: Cookies,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The most bytes of bodies that are read at once. An address (IPv6: a /64), but for trusted proxies, has an
    /// eighth of it, or one body of the largest size. The networks around it have limits as for connections.
    pub max_buffered_bytes: usize,
    /// The most operations that are executed at once.
    pub max_concurrent_requests: usize,
    /// The most of them for one account. A page asks a few at once.
    pub max_concurrent_requests_per_account: usize,
    /// The most of them from one address (IPv6: from one /64), but for trusted proxies. The networks around it have limits
    /// as for connections.
    pub max_concurrent_requests_per_address: usize,
    /// The maximum number of open connections. At the maximum, a new one replaces one of a network that has far more,
    /// idle and anonymous ones first, or an idle one.
    pub max_connections: usize,
    /// The maximum from one address (IPv6: from one /64), but for trusted proxies. A /24 (IPv6: a /48) may have four times
    /// as many and an IPv6 /56 twice as many, but neither more than a quarter of all.
    pub max_connections_per_address: usize,
    /// How long the headers of a request may take to arrive.
    #[serde(with = "super::duration")]
    pub header_timeout: Duration,
    /// How long a request may take.
    #[serde(with = "super::duration")]
    pub request_timeout: Duration,
    /// How long a connection may lie idle, or its client leave an answer unread.
    #[serde(with = "super::duration")]
    pub idle_timeout: Duration,
    /// How long requests in flight may go on when the server stops.
    #[serde(with = "super::duration")]
    pub shutdown_grace: Duration,
    /// Sockets and event streams.
    pub streams: StreamsConfig,
}

/// How refresh tokens are kept in browsers, for who asks for cookie delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cookies {
    /// In a cookie that browsers send over TLS only, and keep for this host alone.
    Secure,
    /// In one that they send without TLS too. For development on the own machine.
    Plain,
    /// Not at all.
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
            // Load balancers keep idle connections for a minute, and must be the first to close them.
            idle_timeout: Duration::from_secs(75),
            shutdown_grace: Duration::from_secs(30),
            streams: StreamsConfig::default(),
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        require(
            self.public_url.as_deref().is_none_or(is_public_url),
            "http.public_url",
            "must be http:// or https:// and a host, with no query and no slash at its end; a path may have letters, \
             digits and - . _ ~, no segment that begins with a dot, and cannot be /healthz or /readyz",
        )?;
        require(
            self.hosts.iter().all(|host| is_host(host)),
            "http.hosts",
            "must be names or addresses without a scheme, a port or a path, such as id.example.com or [::1]",
        )?;
        require(
            (1024..=64 * 1024 * 1024).contains(&self.max_body_bytes),
            "http.max_body_bytes",
            "must be between 1024 and 67108864",
        )?;
        require(
            self.max_buffered_bytes >= self.max_body_bytes,
            "http.max_buffered_bytes",
            "must be at least http.max_body_bytes, or the largest body could never be sent",
        )?;
        require(
            self.trusted_proxies.iter().all(|network| network.prefix_len() > 0),
            "http.trusted_proxies",
            "cannot be everybody: any client could then claim any address; name the proxies",
        )?;
        for (limit, key) in [
            (self.max_concurrent_requests, "http.max_concurrent_requests"),
            (self.max_concurrent_requests_per_account, "http.max_concurrent_requests_per_account"),
            (self.max_concurrent_requests_per_address, "http.max_concurrent_requests_per_address"),
            (self.max_connections, "http.max_connections"),
            (self.max_connections_per_address, "http.max_connections_per_address"),
        ] {
            require(limit >= 1, key, "must be at least 1")?;
        }
        let (moment, second, hour) =
            (Duration::from_millis(100), Duration::from_secs(1), Duration::from_hours(1));
        require_between(self.header_timeout, moment, hour, "http.header_timeout")?;
        require_between(self.request_timeout, second, hour, "http.request_timeout")?;
        require_between(self.idle_timeout, moment, hour, "http.idle_timeout")?;
        require_between(self.shutdown_grace, Duration::ZERO, hour, "http.shutdown_grace")?;
        self.streams.check()?;
        self.check_origins()?;
        self.check_cookies()
    }

    fn check_origins(&self) -> Result<(), Impossible> {
        const KEY: &str = "http.cors_origins";
        let has = |name: &str| self.cors_origins.iter().any(|origin| origin == name);
        require(
            !has("*"),
            KEY,
            "cannot hold \"*\": any page could then act as whoever visits it; list each origin",
        )?;
        require(
            !has("null"),
            KEY,
            "cannot hold \"null\": sandboxed frames and local files of anybody send it",
        )?;
        require(
            self.cors_origins.iter().all(|origin| is_as_browsers_write_it(origin)),
            KEY,
            "must be origins as browsers write them, such as https://app.example.com or capacitor://localhost: in \
             lower case, with no path and no slash at the end, and with a port only where it is not the scheme's own",
        )?;
        require(
            self.cors_headers.iter().all(|name| name != "*" && name.parse::<HeaderName>().is_ok()),
            "http.cors_headers",
            "must be names of headers, such as x-tenant; \"*\" is none, because browsers do not take it with cookies",
        )
    }

    /// A refresh token must not cross a network in the clear.
    fn check_cookies(&self) -> Result<(), Impossible> {
        let is_local = !self.is_reached_by_others();
        require(
            self.cookies == Cookies::Off || is_local || self.is_behind_tls(),
            "http.listen",
            "is an address that other machines reach, and nothing says that TLS stands before it: set \
             http.public_url to the https:// URL that clients call, or http.cookies to off",
        )?;
        require(
            self.cookies != Cookies::Plain || is_local,
            "http.cookies",
            "can be plain only for development: where http.listen is a loopback address and http.public_url does \
             not start with https://; or in a container, where http.listen is 0.0.0.0 or [::] and \
             http.public_url is http://localhost",
        )
    }

    /// Whether the server is meant to be reached from other machines: through TLS, or because it listens on more than
    /// a loopback address.
    #[must_use]
    pub fn is_reached_by_others(&self) -> bool {
        let is_loopback = self.listen.ip().to_canonical().is_loopback();
        self.is_behind_tls() || !(is_loopback || self.is_published_locally())
    }

    /// Whether the server listens on every address, but clients call it on their own machine: a container cannot
    /// listen on the loopback address of the developer's machine that publishes its port.
    #[must_use]
    pub fn is_published_locally(&self) -> bool {
        let url = self.public_url.as_deref().and_then(|url| url.strip_prefix("http://"));
        self.listen.ip().to_canonical().is_unspecified() && url.is_some_and(is_own_host)
    }

    /// The URL under which clients reach the server, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// The path of the public URL, below which everything is served: empty, or `/` and segments without a slash at
    /// the end.
    #[must_use]
    pub fn base_path(&self) -> &str {
        let url = self.public_url.as_deref().and_then(|url| url.split_once("://"));
        url.and_then(|(_, rest)| rest.find('/').map(|start| &rest[start..])).unwrap_or_default()
    }

    /// Whether clients reach the server through TLS, which a proxy before it ends.
    #[must_use]
    pub fn is_behind_tls(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// Reads addresses and networks. An address is the network that holds nothing else.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: String| {
        let text = text.trim();
        let address = || text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical()));
        text.parse().or_else(|_| address()).map_err(|_| D::Error::custom("an address or a network"))
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(network).collect()
}

/// Whether a text is a scheme, a host and at most a path, below which the server can serve everything.
fn is_public_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    !host.is_empty() && !host.contains(['?', '#', ' ']) && is_base_path(path)
}

/// Whether everything can be served below a path. Its characters are those that nothing encodes (RFC 3986 §2.3), so
/// that browsers and proxies write it in one way. The other refused paths are taken at the root.
fn is_base_path(path: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment =
        |text: &str| !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_unreserved);
    path.is_empty() || (path.split('/').skip(1).all(is_segment) && !["/healthz", "/readyz"].contains(&path))
}

/// Whether an authority names the machine of its reader (RFC 6761 §6.3).
fn is_own_host(authority: &str) -> bool {
    let authority = authority.split('/').next().unwrap_or_default();
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_name = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    // User names are no part of an origin, and would hide the host from a reader.
    !authority.as_str().contains('@')
        && (is_name || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback()))
}

/// Whether a text is a host name or an address, without a port.
fn is_host(text: &str) -> bool {
    WebOrigin::of("http", text).is_some_and(|origin| origin.host().eq_ignore_ascii_case(text))
}

/// Whether an origin is spelled as in the `Origin` header.
fn is_as_browsers_write_it(text: &str) -> bool {
    WebOrigin::parse(text).is_some_and(|origin| origin.can_be_listed() && origin.to_string() == text)
}
