use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header::USER_AGENT};
use ipnet::IpNet;

use crate::graphql::ClientInfo;

/// The longest User-Agent header that is kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;

/// The proxies whose word on the client's address is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(pub(crate) Vec<IpNet>);

impl Proxies {
    /// From where a request comes.
    #[must_use]
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientInfo {
        let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        // `to_str` lets ASCII pass only, so any byte is a boundary.
        let user_agent = user_agent.map(|agent| agent[..agent.len().min(MAX_USER_AGENT_BYTES)].to_owned());
        ClientInfo { address: self.address(peer.ip().to_canonical(), headers), user_agent }
    }

    /// The nearest address in X-Forwarded-For that no trusted proxy has, read from the nearest: what
    /// stands before it, the client itself could have written.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
        let mut address = peer;
        for hop in hops.iter().rev() {
            if !self.trusts(address) {
                break;
            }
            match read_hop(hop.trim()) {
                Some(hop) => address = hop,
                None => break,
            }
        }
        address
    }

    /// Whether an address is one of them.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn read_hop(hop: &str) -> Option<IpAddr> {
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
            let proxies = Proxies(proxies.iter().map(|net| net.parse().expect("a network")).collect());
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
