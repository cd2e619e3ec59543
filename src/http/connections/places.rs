use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    config::HttpConfig,
    http::{
        Proxies,
        shares::{Owner, Share, Shares},
    },
};

/// How often it is logged that there are no places left.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The places for connections: so many in all, and so many for each address.
pub(super) struct Places {
    most: usize,
    most_per_address: usize,
    /// Speak for many clients, and have no limit of their own.
    proxies: Proxies,
    taken: Arc<Shares>,
    warned_at: Mutex<Option<Instant>>,
}

/// A place that a connection has, for as long as it keeps this.
pub(super) struct Place {
    _shares: [Share; 2],
}

impl Places {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self {
            most: config.max_connections,
            most_per_address: config.max_connections_per_address,
            proxies: Proxies(config.trusted_proxies.clone()),
            taken: Arc::default(),
            warned_at: Mutex::default(),
        }
    }

    /// A place for a connection from this address, if there is one left. Without one the connection is
    /// closed at once: were it to wait, so would all behind it, and its client could not try another replica.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let is_proxy = self.proxies.trusts(address.to_canonical());
        let most_from_there = if is_proxy { self.most } else { self.most_per_address };
        let Some(one_of_all) = self.taken.take(Owner::Everybody, self.most) else {
            self.warn("http.max_connections", address);
            return None;
        };
        let Some(from_there) = self.taken.take(Owner::address(address), most_from_there) else {
            self.warn("http.max_connections_per_address", address);
            return None;
        };
        Some(Place { _shares: [one_of_all, from_there] })
    }

    /// Who floods us with connections shall not flood the log as well.
    fn warn(&self, limit: &'static str, address: IpAddr) {
        let mut warned_at = self.warned_at.lock().unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned_at = Some(Instant::now());
            tracing::warn!(limit, %address, "connections are closed, for there are too many");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_per_address: usize) -> Places {
        Places::new(&HttpConfig {
            max_connections: most,
            max_connections_per_address: most_per_address,
            trusted_proxies: vec!["192.0.2.9/32".parse().expect("a network")],
            ..HttpConfig::default()
        })
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let places = places(3, 2);
        let take = |address: &str| places.take(address.parse().expect("an address"));
        let first = take("2001:db8::1").expect("a place");
        let _second = take("2001:db8::2").expect("a place");
        assert!(take("2001:db8::3").is_none(), "neighbours in a /64 are one");
        let _third = take("2001:db8:0:1::1").expect("another /64");
        assert!(take("192.0.2.1").is_none(), "all are taken");
        drop(first);
        take("2001:db8::3").expect("a place");
    }

    #[test]
    fn a_trusted_proxy_has_no_limit_of_its_own() {
        let places = places(4, 1);
        let take = |address: &str| places.take(address.parse().expect("an address"));
        let _taken: Vec<Place> =
            (0..3).map(|_| take("::ffff:192.0.2.9").expect("a place for the proxy")).collect();
        let _last = take("192.0.2.1").expect("a place");
        assert!(take("192.0.2.9").is_none(), "but it counts for all");
    }
}
