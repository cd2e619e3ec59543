use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;

use crate::id::{SessionId, UserId};

/// Counts what of a thing is held at once, and by whom.
#[derive(Default)]
pub(crate) struct Shares(Mutex<HashMap<Owner, usize>>);

/// Whose shares are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Everybody,
    Network(IpNet),
    Account(UserId),
    Session(SessionId),
}

/// The networks of an IPv4 address, by prefix length, with the multiple of an address's limit that each may hold. A /24
/// has several because a carrier's NAT may use all of it, and has a limit because neighbours are cheap to rent.
const NETWORKS_V4: &[(u8, usize)] = &[(32, 1), (24, 4)];

/// The same for IPv6: a mobile device or a link has a /64, a household a /56, a site or a tunnel a /48.
const NETWORKS_V6: &[(u8, usize)] = &[(64, 1), (56, 2), (48, 4)];

/// The number of wide networks that it takes at least to hold everything, if the limit of an address permits.
const FEWEST_NETWORKS: usize = 4;

/// The networks of an address, narrowest first, and how much each may hold: of a resource of which there is `total`,
/// and one address may hold `per_address`.
pub(super) fn networks(address: IpAddr, per_address: usize, total: usize) -> Vec<(Owner, usize)> {
    let address = address.to_canonical();
    let networks = if address.is_ipv4() { NETWORKS_V4 } else { NETWORKS_V6 };
    let limit =
        |times: usize| per_address.saturating_mul(times).min(total / FEWEST_NETWORKS).max(per_address);
    networks.iter().map(|(bits, times)| (Owner::Network(network(address, *bits)), limit(*times))).collect()
}

/// The network of an address that has this prefix length.
fn network(address: IpAddr, bits: u8) -> IpNet {
    IpNet::new(address, bits).unwrap_or_else(|_| address.into()).trunc()
}

/// The narrowest network of an address: a /32 of IPv4, a /64 of IPv6.
pub(super) fn narrow(address: IpAddr) -> IpNet {
    network(address, if address.is_ipv4() { 32 } else { 64 })
}

/// The widest network of an address that has a limit: a /24 of IPv4, a /48 of IPv6.
pub(super) fn wide(address: IpAddr) -> IpNet {
    network(address, if address.is_ipv4() { 24 } else { 48 })
}

/// What somebody holds, for as long as they keep this.
pub(super) struct Share {
    shares: Arc<Shares>,
    owner: Owner,
    size: usize,
}

impl Shares {
    /// Another share, unless the owner has the most already.
    pub(super) fn take(self: &Arc<Self>, owner: Owner, most: usize) -> Option<Share> {
        let mut share = self.nothing(owner);
        share.grow(1, most).then_some(share)
    }

    /// A share of nothing yet.
    pub(super) fn nothing(self: &Arc<Self>, owner: Owner) -> Share {
        Share { shares: Arc::clone(self), owner, size: 0 }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Owner, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes more, unless the owner would then have more than the most; tells whether it did.
    pub(super) fn grow(&mut self, more: usize, most: usize) -> bool {
        let mut taken = self.shares.taken();
        let count = taken.get(&self.owner).copied().unwrap_or_default();
        if count + more > most {
            return false;
        }
        taken.insert(self.owner, count + more);
        drop(taken);
        self.size += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        if let Some(count) = taken.get_mut(&self.owner) {
            *count -= self.size;
            if *count == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}
