//! The client of a request: its address, behind trusted proxies too, its User-Agent and its language.

use std::net::{IpAddr, SocketAddr};

use axum::http::{
    HeaderMap,
    header::{ACCEPT_LANGUAGE, USER_AGENT},
};
use ipnet::IpNet;

/// The address, the User-Agent and the language of the client that sent a request.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// The client's IP address: the one reported by a trusted proxy, otherwise that of the TCP connection.
    pub address: IpAddr,
    /// The User-Agent header, truncated to 256 bytes. `None` without a readable header.
    pub user_agent: Option<String>,
    /// The language that the client prefers: the first tag of the Accept-Language header. `None` without a readable one.
    pub language: Option<String>,
}

/// Maximum length of a stored User-Agent header, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;

/// Maximum length of a language tag, in bytes (RFC 5646 §4.4.1).
const MAX_LANGUAGE_BYTES: usize = 35;

/// Proxies whose X-Forwarded-For header is trusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(pub(crate) Vec<IpNet>);

impl TrustedProxies {
    /// The client of a request that arrived from `peer`.
    #[must_use]
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientInfo {
        let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        // `to_str` lets ASCII pass only, so any byte is a boundary.
        let user_agent = user_agent.map(|agent| agent[..agent.len().min(MAX_USER_AGENT_BYTES)].to_owned());
        let address = self.address(peer.ip().to_canonical(), headers);
        ClientInfo { address, user_agent, language: language(headers) }
    }

    /// The client's address: X-Forwarded-For is read from its end, and the first address that is no trusted proxy is
    /// the client's. The entries before it are ignored, because the client can write them itself.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
        let mut address = peer;
        for hop in hops.iter().rev() {
            if !self.trusts(address) {
                break;
            }
            match parse_hop(hop.trim()) {
                Some(hop) => address = hop,
                None => break,
            }
        }
        address
    }

    /// Whether the address belongs to a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The first language tag of the Accept-Language header (RFC 9110 §12.5.4).
fn language(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let tag = header.split([',', ';']).next()?.trim();
    let is_tag = (1..=MAX_LANGUAGE_BYTES).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_tag.then(|| tag.to_owned())
}

/// Parses an address of X-Forwarded-For: bare, with a port, or in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_for_its_own_word() {
        let address = |proxies: &[&str], peer: &str, forwarded: &str| {
            let proxies = TrustedProxies(proxies.iter().map(|net| net.parse().expect("a network")).collect());
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
            proxies
                .client(SocketAddr::new(peer.parse().expect("an address"), 1), &headers)
                .address
                .to_string()
        };
        assert_eq!(address(&[], "192.0.2.9", "203.0.113.7"), "192.0.2.9");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "203.0.113.7"), "203.0.113.7");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "10.0.0.1, 203.0.113.7"), "203.0.113.7");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "203.0.113.7, 192.0.2.8"), "203.0.113.7");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "nonsense"), "192.0.2.9");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "203.0.113.7:4711"), "203.0.113.7");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "[2001:db8::1]"), "2001:db8::1");
        assert_eq!(address(&["192.0.2.0/24"], "192.0.2.9", "[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(address(&["127.0.0.0/8"], "::ffff:127.0.0.1", "2001:db8::1"), "2001:db8::1");
    }
}
