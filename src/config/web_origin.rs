use std::{fmt, net::Ipv6Addr};

/// The origin of a web page: scheme, host and port (RFC 6454 §4). Different spellings of an origin compare as equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin {
    scheme: String,
    host: String,
    /// The port. `None` if it is not specified and the scheme has no default port.
    port: Option<u16>,
}

impl WebOrigin {
    /// Parses the value of an `Origin` header. `ws` and `wss` count as `http` and `https`, because some clients other
    /// than browsers send the URL of their WebSocket.
    ///
    /// Returns `None` for `null`, and for any text that is not a scheme, a host and optionally a port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase() {
            scheme if scheme == "ws" => "http".to_owned(),
            scheme if scheme == "wss" => "https".to_owned(),
            scheme => scheme,
        };
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let is_valid = scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(is_scheme);
        Self::of(is_valid.then_some(&*scheme)?, authority)
    }

    /// The origin of a URL, which may have a path.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Self::parse(&format!("{scheme}://{authority}"))
    }

    /// The origin with this scheme and an authority as in a `Host` header: a host and optionally a port.
    #[must_use]
    pub fn of(scheme: &str, authority: &str) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let host = if authority.starts_with('[') {
            format!("[{}]", host.parse::<Ipv6Addr>().ok()?)
        } else {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(is_part)).then(|| host.to_ascii_lowercase())?
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            None if port.is_empty() => default_port(scheme),
            Some(_) | None => return None,
        };
        Some(Self { scheme: scheme.to_owned(), host, port })
    }

    /// The origin with the same scheme and the authority of a `Host` header.
    #[must_use]
    pub fn at(&self, authority: &str) -> Option<Self> {
        Self::of(&self.scheme, authority)
    }

    /// The host, in lower case. An IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same origin with another host, in lower case.
    #[must_use]
    pub(super) fn with_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// Whether a server can have this origin. Apps with schemes of their own have none.
    #[must_use]
    pub fn is_of_server(&self) -> bool {
        default_port(&self.scheme).is_some()
    }

    /// Whether pages can have this origin. Pages with another scheme, such as files, have the origin `null`.
    pub(super) fn can_be_listed(&self) -> bool {
        !["file", "data", "blob", "about", "javascript"].contains(&self.scheme.as_str())
    }
}

/// The default port of a scheme.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl fmt::Display for WebOrigin {
    /// Serializes the origin as browsers do (RFC 6454 §6.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) if default_port(&self.scheme) != Some(port) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_origin_are_equal() {
        let is_one = |left: &str, right: &str| WebOrigin::parse(left) == WebOrigin::parse(right);
        for (left, right) in [
            ("https://id.example.com", "wss://ID.example.COM"),
            ("https://id.example.com", "HTTPS://id.example.com:443"),
            ("http://id.example.com:80", "ws://id.example.com"),
            ("http://[::1]:4000", "http://[0:0::1]:4000"),
            ("https://XN--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("capacitor://localhost", "Capacitor://LOCALHOST"),
        ] {
            assert!(WebOrigin::parse(left).is_some() && is_one(left, right), "{left} {right}");
        }
        for (left, right) in [
            ("https://id.example.com", "http://id.example.com"),
            ("https://id.example.com", "https://id.example.com:444"),
            ("https://id.example.com", "https://id.example.com."),
            ("https://id.example.com", "https://id.example.com.evil.example"),
            ("capacitor://localhost", "http://localhost"),
            ("capacitor://localhost", "capacitor://localhost:443"),
            ("http://localhost", "http://127.0.0.1"),
        ] {
            assert!(!is_one(left, right), "{left} {right}");
        }
    }

    #[test]
    fn a_text_that_is_not_an_origin_is_not_parsed() {
        for text in [
            "",
            "null",
            "id.example.com",
            "//id.example.com",
            "https://",
            "https:// id.example.com",
            "https://id.example.com/",
            "https://id.example.com?",
            "https://id.example.com#",
            "https://id.example.com@evil.example",
            "https://id.example.com:443@evil.example",
            "https://id.example.com\\evil",
            "https://id.example.com:",
            "https://id.example.com:+443",
            "https://id.example.com:443:443",
            "https://id.example.com:65536",
            "https://id.example.com,https://a",
            "https://[::1",
            "https://[::1]a",
            "https://::1",
            "https://[id.example.com]",
            "https://b\u{fc}cher.example",
            "https://%69d.example.com",
            "1https://id.example.com",
            "ht tps://id.example.com",
            "://id.example.com",
        ] {
            assert_eq!(WebOrigin::parse(text), None, "{text}");
        }
    }
}
