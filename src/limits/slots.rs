//! Slots for TCP connections, WebSockets and event streams: a maximum in total, and a maximum per network.
//!
//! When all slots are in use, a new client may evict another one. Otherwise a few addresses that hold every slot could
//! keep all other clients out.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use super::{
    QuotaPermit, Quotas, network_limits,
    quota::{narrow_network, wide_network},
};

/// A network loses a slot to a new client if it holds this many times the slots of the client's network.
const UNFAIR_MULTIPLE: usize = 4;

/// A limited number of slots.
pub(crate) struct Slots {
    max: usize,
    max_per_address: usize,
    /// Time for which a new holder cannot be evicted, because it has not had the time to authenticate.
    grace: Duration,
    quotas: Arc<Quotas>,
    holders: Mutex<Holders>,
}

/// The holders by number. An older holder has a lower number.
#[derive(Default)]
struct Holders {
    last: u64,
    by_number: BTreeMap<u64, Holder>,
}

struct Holder {
    address: IpAddr,
    is_proxy: bool,
    since: Instant,
    priority: Arc<SlotPriority>,
    evicted: CancellationToken,
    /// The permits of its networks, released with the slot.
    _permits: Vec<QuotaPermit>,
}

/// A slot, held until it is dropped or its holder is evicted.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    priority: Arc<SlotPriority>,
    evicted: CancellationToken,
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotsFull {
    /// The total, and no other holder can be evicted.
    Total,
    /// The maximum of the address, or of a network that contains it.
    Network,
}

/// The priority of a holder. The holder with the lowest priority is evicted first.
#[derive(Debug, Default)]
pub(crate) struct SlotPriority {
    /// Whether an eviction would interrupt work. A holder that is not busy can be evicted by any new client.
    pub(crate) is_busy: AtomicBool,
    /// Whether an authenticated caller uses the slot.
    pub(crate) is_signed_in: AtomicBool,
}

impl SlotPriority {
    fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    fn rank(&self) -> (bool, bool) {
        (self.is_busy(), self.is_signed_in.load(Ordering::Relaxed))
    }
}

impl Slots {
    /// Free slots: `max` in total and `max_per_address` for one address. A holder cannot be evicted within `grace`.
    pub(crate) fn new(max: usize, max_per_address: usize, grace: Duration) -> Arc<Self> {
        let (quotas, holders) = Default::default();
        Arc::new(Self { max, max_per_address, grace, quotas, holders })
    }

    /// Acquires a slot for a client with this address, without waiting. A trusted proxy carries the connections of many
    /// clients, so it has no limit of its own and is never evicted.
    ///
    /// # Errors
    /// The limit that was reached.
    pub(crate) fn try_acquire(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Result<Slot, SlotsFull> {
        let address = address.to_canonical();
        let networks =
            if is_proxy { Vec::new() } else { network_limits(address, self.max_per_address, self.max) };
        let acquire = |(owner, max)| self.quotas.try_acquire(owner, max);
        let permits: Option<Vec<QuotaPermit>> = networks.into_iter().map(acquire).collect();
        let permits = permits.ok_or(SlotsFull::Network)?;
        let (priority, evicted) = (Arc::<SlotPriority>::default(), CancellationToken::new());
        let holder = Holder {
            address,
            is_proxy,
            since: Instant::now(),
            priority: Arc::clone(&priority),
            evicted: evicted.clone(),
            _permits: permits,
        };
        let mut holders = self.holders();
        if holders.by_number.len() >= self.max {
            let victim = holders.victim(address, self.grace).ok_or(SlotsFull::Total)?;
            let victim = holders.by_number.remove(&victim).ok_or(SlotsFull::Total)?;
            victim.evicted.cancel();
        }
        holders.last += 1;
        let number = holders.last;
        holders.by_number.insert(number, holder);
        drop(holders);
        Ok(Slot { slots: Arc::clone(self), number, priority, evicted })
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holders {
    /// The holder to evict: one of a network that holds [`UNFAIR_MULTIPLE`] times the slots of the new client's network,
    /// otherwise one that is not busy.
    fn victim(&self, new_client: IpAddr, grace: Duration) -> Option<u64> {
        self.of_largest(new_client, wide_network)
            .or_else(|| self.of_largest(new_client, narrow_network))
            .or_else(|| self.lowest(|holder| !holder.priority.is_busy() && holder.since.elapsed() >= grace))
    }

    /// A holder of the network with the most slots, if that is [`UNFAIR_MULTIPLE`] times those of the new client's.
    fn of_largest(&self, new_client: IpAddr, network: fn(IpAddr) -> IpNet) -> Option<u64> {
        let mut counts = HashMap::<IpNet, usize>::new();
        for holder in self.by_number.values().filter(|holder| !holder.is_proxy) {
            *counts.entry(network(holder.address)).or_default() += 1;
        }
        let own = counts.remove(&network(new_client)).unwrap_or_default();
        let (largest, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let is_unfair = count >= UNFAIR_MULTIPLE * (own + 1);
        is_unfair.then(|| self.lowest(|holder| network(holder.address) == largest)).flatten()
    }

    /// The holder with the lowest priority among those that `may_lose` selects. The oldest of several.
    fn lowest(&self, may_lose: impl Fn(&Holder) -> bool) -> Option<u64> {
        let holders = self.by_number.iter().filter(|(_, holder)| !holder.is_proxy && may_lose(holder));
        holders.min_by_key(|(number, holder)| (holder.priority.rank(), **number)).map(|(number, _)| *number)
    }
}

impl Slot {
    /// The priority of the holder, which the holder keeps up to date.
    pub(crate) fn priority(&self) -> Arc<SlotPriority> {
        Arc::clone(&self.priority)
    }

    /// A token that is cancelled on eviction. The holder must then end.
    pub(crate) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let holder = self.slots.holders().by_number.remove(&self.number);
        drop(holder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn ip(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    fn take(slots: &Arc<Slots>, address: &str) -> Result<Slot, SlotsFull> {
        slots.try_acquire(ip(address), false)
    }

    fn fill(slots: &Arc<Slots>, addresses: impl IntoIterator<Item = String>) -> Vec<Slot> {
        addresses.into_iter().map(|address| take(slots, &address).expect("a slot")).collect()
    }

    fn evicted(held: &[Slot]) -> Vec<usize> {
        (0..held.len()).filter(|index| held[*index].evicted.is_cancelled()).collect()
    }

    #[test]
    fn a_slot_is_free_again_when_it_is_dropped() {
        let slots = Slots::new(3, 2, LONG);
        let first = take(&slots, "2001:db8::1").expect("a slot");
        let _second = take(&slots, "2001:db8::2").expect("a slot");
        assert_eq!(
            take(&slots, "2001:db8::3").err(),
            Some(SlotsFull::Network),
            "neighbours in a /64 are one"
        );
        let _third = take(&slots, "2001:db8:1::1").expect("another /48");
        assert_eq!(take(&slots, "192.0.2.1").err(), Some(SlotsFull::Total));
        drop(first);
        take(&slots, "2001:db8::3").expect("a slot");
    }

    #[test]
    fn a_network_has_a_limit_however_many_addresses_it_has() {
        let count = |address: fn(usize) -> String| {
            let slots = Slots::new(4096, 256, LONG);
            let held: Vec<Slot> = (0..4096).map_while(|number| take(&slots, &address(number)).ok()).collect();
            held.len()
        };
        assert_eq!(count(|number| format!("2001:db8::{number:x}")), 256, "a /64");
        assert_eq!(count(|number| format!("2001:db8:0:{:x}::1", number % 256)), 512, "a /56");
        assert_eq!(count(|number| format!("2001:db8:0:{number:x}::1")), 1024, "a /48");
        assert_eq!(count(|number| format!("192.0.2.{}", number % 256)), 1024, "a /24");
        assert_eq!(count(|number| format!("::ffff:192.0.2.{}", number % 2)), 512, "two addresses");
    }

    #[test]
    fn sixteen_addresses_that_hold_every_slot_keep_nobody_out() {
        let slots = Slots::new(4096, 256, LONG);
        let held = fill(&slots, (0..4096).map(|number| format!("198.{}.0.1", number % 16)));
        for slot in &held {
            slot.priority.is_busy.store(true, Ordering::Relaxed);
            slot.priority.is_signed_in.store(true, Ordering::Relaxed);
        }
        held[7].priority.is_signed_in.store(false, Ordering::Relaxed);
        let new_clients = fill(&slots, (0..32).map(|number| format!("203.0.{number}.1")));
        assert_eq!(evicted(&held).len(), 32);
        assert_eq!(evicted(&new_clients), [0; 0], "and new_clients do not evict each other");
        assert_eq!(
            take(&slots, "198.3.0.1").err(),
            Some(SlotsFull::Total),
            "a network does not profit from its own"
        );
    }

    #[test]
    fn the_holder_with_the_lowest_priority_is_evicted() {
        let slots = Slots::new(4, 4, LONG);
        let held = fill(&slots, vec!["192.0.2.1".to_owned(); 4]);
        for (index, busy, signed_in) in [(0, true, true), (1, true, false), (2, false, true)] {
            held[index].priority.is_busy.store(busy, Ordering::Relaxed);
            held[index].priority.is_signed_in.store(signed_in, Ordering::Relaxed);
        }
        let _new_client = take(&slots, "203.0.113.1").expect("a slot");
        assert_eq!(evicted(&held), [3]);
    }

    #[test]
    fn a_holder_that_is_not_busy_yields_after_a_while() {
        let addresses = || (0..3).map(|number| format!("198.{number}.0.1"));
        let slots = Slots::new(3, 3, LONG);
        let _held = fill(&slots, addresses());
        assert_eq!(take(&slots, "203.0.113.1").err(), Some(SlotsFull::Total), "all are new");
        let slots = Slots::new(3, 3, Duration::ZERO);
        let held = fill(&slots, addresses());
        held[0].priority.is_busy.store(true, Ordering::Relaxed);
        let _new_client = take(&slots, "203.0.113.1").expect("a slot");
        assert_eq!(evicted(&held), [1]);
    }

    #[test]
    fn a_proxy_has_no_limit_of_its_own_and_is_never_evicted() {
        let slots = Slots::new(8, 1, Duration::ZERO);
        let proxy: Vec<Slot> =
            (0..7).map(|_| slots.try_acquire(ip("192.0.2.9"), true).expect("a slot")).collect();
        let _first = take(&slots, "203.0.113.1").expect("a slot");
        let _second = take(&slots, "203.1.113.1").expect("that of the first");
        assert_eq!(evicted(&proxy), [0; 0]);
    }
}
