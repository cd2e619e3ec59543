use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{config::HttpConfig, http::Proxies, limits::network};

/// How often it is logged that there are no places left.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The places for connections: so many in all, and so many for each address.
pub(super) struct Places {
    most: usize,
    most_per_address: usize,
    /// Speak for many clients, and have no limit of their own.
    proxies: Proxies,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    warned_at: Option<Instant>,
}

/// A place that a connection has, for as long as it keeps this.
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    is_proxy: bool,
}

impl Place {
    /// Whether it is that of a trusted proxy.
    pub(super) const fn is_of_proxy(&self) -> bool {
        self.is_proxy
    }
}

impl Places {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self {
            most: config.max_connections,
            most_per_address: config.max_connections_per_address,
            proxies: Proxies(config.trusted_proxies.clone()),
            taken: Mutex::default(),
        }
    }

    /// A place for a connection from this address, if there is one left. Without one the connection is
    /// closed at once: were it to wait, so would all behind it, and its client could not try another replica.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let is_proxy = self.proxies.trusts(address);
        let address = network(address);
        let mut taken = self.taken();
        let from_there = taken.by_address.get(&address).copied().unwrap_or_default();
        if taken.all >= self.most {
            taken.warn("http.max_connections", address);
            return None;
        }
        if from_there >= self.most_per_address && !is_proxy {
            taken.warn("http.max_connections_per_address", address);
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, from_there + 1);
        drop(taken);
        Some(Place { places: Arc::clone(self), address, is_proxy })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Who floods us with connections shall not flood the log as well.
    fn warn(&mut self, limit: &'static str, address: IpAddr) {
        if self.warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(limit, %address, "connections are closed, for there are too many");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize, most_per_address: usize) -> Arc<Places> {
        Arc::new(Places::new(&HttpConfig {
            max_connections: most,
            max_connections_per_address: most_per_address,
            trusted_proxies: vec!["192.0.2.9/32".parse().expect("a network")],
            ..HttpConfig::default()
        }))
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
        assert_eq!(places.taken().by_address.len(), 2, "who has left is forgotten");
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
