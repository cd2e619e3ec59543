//! Concurrency quotas: the amount of a resource that each client, network or account holds at one time.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;

use crate::{id::UserId, tokens::TokenSource};

/// Counts how much of a resource each client currently holds.
#[derive(Default)]
pub(crate) struct Quotas(Mutex<HashMap<QuotaKey, usize>>);

/// The holder whose permits are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum QuotaKey {
    /// All clients together.
    Global,
    /// A network of one or more addresses.
    Network(IpNet),
    Account(UserId),
    /// A session or a personal access token.
    Source(TokenSource),
}

/// The networks of an IPv4 address, by prefix length, with the multiple of an address's limit that each may hold. A /24
/// has several because a carrier's NAT may use all of it, and has a limit because neighbours are cheap to rent.
const NETWORKS_V4: &[(u8, usize)] = &[(32, 1), (24, 4)];

/// The same for IPv6: a mobile device or a link has a /64, a household a /56, a site or a tunnel a /48.
const NETWORKS_V6: &[(u8, usize)] = &[(64, 1), (56, 2), (48, 4)];

/// Minimum number of wide networks that can together hold all of a resource, unless the limit of one address is higher.
const FEWEST_NETWORKS: usize = 4;

/// The networks of an address, narrowest first, each with the maximum that it may hold of a resource. `total` is the
/// amount of the resource, and `per_address` the maximum of one address.
pub(crate) fn network_limits(address: IpAddr, per_address: usize, total: usize) -> Vec<(QuotaKey, usize)> {
    let address = address.to_canonical();
    let networks = if address.is_ipv4() { NETWORKS_V4 } else { NETWORKS_V6 };
    let limit =
        |times: usize| per_address.saturating_mul(times).min(total / FEWEST_NETWORKS).max(per_address);
    networks.iter().map(|(bits, times)| (QuotaKey::Network(network(address, *bits)), limit(*times))).collect()
}

/// The network of an address that has this prefix length.
fn network(address: IpAddr, bits: u8) -> IpNet {
    IpNet::new(address, bits).unwrap_or_else(|_| address.into()).trunc()
}

/// The narrowest network of an address: a /32 of IPv4, a /64 of IPv6.
pub(crate) fn narrow_network(address: IpAddr) -> IpNet {
    network(address, if address.is_ipv4() { 32 } else { 64 })
}

/// The widest network of an address that has a limit: a /24 of IPv4, a /48 of IPv6.
pub(crate) fn wide_network(address: IpAddr) -> IpNet {
    network(address, if address.is_ipv4() { 24 } else { 48 })
}

/// An amount of a resource, held until the permit is dropped.
pub(crate) struct QuotaPermit {
    quotas: Arc<Quotas>,
    key: QuotaKey,
    size: usize,
}

impl Quotas {
    /// Acquires one unit. Returns `None` if the holder already has `max`.
    pub(crate) fn try_acquire(self: &Arc<Self>, key: QuotaKey, max: usize) -> Option<QuotaPermit> {
        let mut permit = self.empty(key);
        permit.try_grow(1, max).then_some(permit)
    }

    /// A permit of zero units, which can grow.
    pub(crate) fn empty(self: &Arc<Self>, key: QuotaKey) -> QuotaPermit {
        QuotaPermit { quotas: Arc::clone(self), key, size: 0 }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<QuotaKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuotaPermit {
    /// Acquires `more` units. Returns `false`, and acquires nothing, if the holder would then have more than `max`.
    pub(crate) fn try_grow(&mut self, more: usize, max: usize) -> bool {
        match self.quotas.counts().entry(self.key) {
            Entry::Occupied(mut count) if *count.get() + more <= max => *count.get_mut() += more,
            Entry::Vacant(count) if more <= max => {
                count.insert(more);
            }
            _ => return false,
        }
        self.size += more;
        true
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.quotas.counts().entry(self.key) {
            *count.get_mut() -= self.size;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
