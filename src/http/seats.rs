//! Seats for connections, and for sockets and event streams: a limited number in all, and for each network.
//!
//! When all are taken, a newcomer may take the seat of another. Otherwise a few addresses that hold every seat would keep
//! everybody else out for as long as they like.

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

use super::shares::{Share, Shares, narrow, networks, wide};

/// The multiple of the seats of the newcomer's network that another network must hold to lose one.
const UNFAIR: usize = 4;

/// A limited number of seats.
pub(super) struct Seats {
    max: usize,
    max_per_address: usize,
    /// The time for which a new seat is safe, because its holder must first say who it is.
    grace: Duration,
    shares: Arc<Shares>,
    holders: Mutex<Holders>,
}

/// The holders by number; an older one has a lower number.
#[derive(Default)]
struct Holders {
    last: u64,
    by_number: BTreeMap<u64, Holder>,
}

struct Holder {
    address: IpAddr,
    is_proxy: bool,
    since: Instant,
    standing: Arc<Standing>,
    evicted: CancellationToken,
    /// The shares of its networks. They are free again when the seat is.
    _shares: Vec<Share>,
}

/// A seat, held until it is dropped or evicted.
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    standing: Arc<Standing>,
    evicted: CancellationToken,
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The limit of all seats, and no other holder has to yield.
    All,
    /// The limit of the address, or of a network around it.
    Network,
}

/// The need of a holder for its seat. The holder with the least need is evicted first.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Whether something would be interrupted. A holder that is not busy may have to yield to any newcomer.
    pub(super) is_busy: AtomicBool,
    /// Whether a signed-in caller uses it.
    pub(super) is_signed_in: AtomicBool,
}

impl Standing {
    fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    fn rank(&self) -> (bool, bool) {
        (self.is_busy(), self.is_signed_in.load(Ordering::Relaxed))
    }
}

impl Seats {
    /// Seats of which none is taken.
    pub(super) fn new(max: usize, max_per_address: usize, grace: Duration) -> Arc<Self> {
        let (shares, holders) = Default::default();
        Arc::new(Self { max, max_per_address, grace, shares, holders })
    }

    /// Takes a seat for a newcomer from this address. A proxy speaks for many: it has no limit of its own, and is never
    /// evicted.
    ///
    /// # Errors
    /// The limit that was reached. Waiting would not help: everybody behind would wait as well.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Result<Seat, Full> {
        let address = address.to_canonical();
        let networks = if is_proxy { Vec::new() } else { networks(address, self.max_per_address, self.max) };
        let take = |(owner, max)| self.shares.take(owner, max);
        let shares: Option<Vec<Share>> = networks.into_iter().map(take).collect();
        let shares = shares.ok_or(Full::Network)?;
        let (standing, evicted) = (Arc::<Standing>::default(), CancellationToken::new());
        let holder = Holder {
            address,
            is_proxy,
            since: Instant::now(),
            standing: Arc::clone(&standing),
            evicted: evicted.clone(),
            _shares: shares,
        };
        let mut holders = self.holders();
        if holders.by_number.len() >= self.max {
            let loser = holders.loser(address, self.grace).ok_or(Full::All)?;
            let loser = holders.by_number.remove(&loser).ok_or(Full::All)?;
            loser.evicted.cancel();
        }
        holders.last += 1;
        let number = holders.last;
        holders.by_number.insert(number, holder);
        drop(holders);
        Ok(Seat { seats: Arc::clone(self), number, standing, evicted })
    }

    fn holders(&self) -> MutexGuard<'_, Holders> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holders {
    /// The holder that yields to a newcomer: one of a network that holds far more than the newcomer's, otherwise one
    /// that is not busy.
    fn loser(&self, newcomer: IpAddr, grace: Duration) -> Option<u64> {
        self.of_largest(newcomer, wide)
            .or_else(|| self.of_largest(newcomer, narrow))
            .or_else(|| self.least(|holder| !holder.standing.is_busy() && holder.since.elapsed() >= grace))
    }

    /// A holder in the network that holds the most, unless the newcomer's own holds nearly as much.
    fn of_largest(&self, newcomer: IpAddr, network: fn(IpAddr) -> IpNet) -> Option<u64> {
        let mut counts = HashMap::<IpNet, usize>::new();
        for holder in self.by_number.values().filter(|holder| !holder.is_proxy) {
            *counts.entry(network(holder.address)).or_default() += 1;
        }
        let own = counts.remove(&network(newcomer)).unwrap_or_default();
        let (largest, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let is_unfair = count >= UNFAIR * (own + 1);
        is_unfair.then(|| self.least(|holder| network(holder.address) == largest)).flatten()
    }

    /// The holder that needs its seat least; the oldest of several.
    fn least(&self, may_lose: impl Fn(&Holder) -> bool) -> Option<u64> {
        let holders = self.by_number.iter().filter(|(_, holder)| !holder.is_proxy && may_lose(holder));
        holders.min_by_key(|(number, holder)| (holder.standing.rank(), **number)).map(|(number, _)| *number)
    }
}

impl Seat {
    /// The need of the holder for the seat, which the holder keeps up to date.
    pub(super) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Is cancelled when the seat is given to another. Its holder must end then.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let holder = self.seats.holders().by_number.remove(&self.number);
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

    fn take(seats: &Arc<Seats>, address: &str) -> Result<Seat, Full> {
        seats.take(ip(address), false)
    }

    fn fill(seats: &Arc<Seats>, addresses: impl IntoIterator<Item = String>) -> Vec<Seat> {
        addresses.into_iter().map(|address| take(seats, &address).expect("a seat")).collect()
    }

    fn evicted(held: &[Seat]) -> Vec<usize> {
        (0..held.len()).filter(|index| held[*index].evicted.is_cancelled()).collect()
    }

    #[test]
    fn a_seat_is_free_again_when_it_is_dropped() {
        let seats = Seats::new(3, 2, LONG);
        let first = take(&seats, "2001:db8::1").expect("a seat");
        let _second = take(&seats, "2001:db8::2").expect("a seat");
        assert_eq!(take(&seats, "2001:db8::3").err(), Some(Full::Network), "neighbours in a /64 are one");
        let _third = take(&seats, "2001:db8:1::1").expect("another /48");
        assert_eq!(take(&seats, "192.0.2.1").err(), Some(Full::All));
        drop(first);
        take(&seats, "2001:db8::3").expect("a seat");
    }

    #[test]
    fn a_network_has_a_limit_however_many_addresses_it_has() {
        let count = |address: fn(usize) -> String| {
            let seats = Seats::new(4096, 256, LONG);
            let held: Vec<Seat> = (0..4096).map_while(|number| take(&seats, &address(number)).ok()).collect();
            held.len()
        };
        assert_eq!(count(|number| format!("2001:db8::{number:x}")), 256, "a /64");
        assert_eq!(count(|number| format!("2001:db8:0:{:x}::1", number % 256)), 512, "a /56");
        assert_eq!(count(|number| format!("2001:db8:0:{number:x}::1")), 1024, "a /48");
        assert_eq!(count(|number| format!("192.0.2.{}", number % 256)), 1024, "a /24");
        assert_eq!(count(|number| format!("::ffff:192.0.2.{}", number % 2)), 512, "two addresses");
    }

    #[test]
    fn sixteen_addresses_that_hold_every_seat_keep_nobody_out() {
        let seats = Seats::new(4096, 256, LONG);
        let held = fill(&seats, (0..4096).map(|number| format!("198.{}.0.1", number % 16)));
        for seat in &held {
            seat.standing.is_busy.store(true, Ordering::Relaxed);
            seat.standing.is_signed_in.store(true, Ordering::Relaxed);
        }
        held[7].standing.is_signed_in.store(false, Ordering::Relaxed);
        let newcomers = fill(&seats, (0..32).map(|number| format!("203.0.{number}.1")));
        assert_eq!(evicted(&held).len(), 32);
        assert_eq!(evicted(&newcomers), [0; 0], "and newcomers do not evict each other");
        assert_eq!(
            take(&seats, "198.3.0.1").err(),
            Some(Full::All),
            "a network does not profit from its own"
        );
    }

    #[test]
    fn whoever_needs_a_seat_least_loses_it() {
        let seats = Seats::new(4, 4, LONG);
        let held = fill(&seats, vec!["192.0.2.1".to_owned(); 4]);
        for (index, busy, signed_in) in [(0, true, true), (1, true, false), (2, false, true)] {
            held[index].standing.is_busy.store(busy, Ordering::Relaxed);
            held[index].standing.is_signed_in.store(signed_in, Ordering::Relaxed);
        }
        let _newcomer = take(&seats, "203.0.113.1").expect("a seat");
        assert_eq!(evicted(&held), [3]);
    }

    #[test]
    fn a_holder_that_is_not_busy_yields_after_a_while() {
        let addresses = || (0..3).map(|number| format!("198.{number}.0.1"));
        let seats = Seats::new(3, 3, LONG);
        let _held = fill(&seats, addresses());
        assert_eq!(take(&seats, "203.0.113.1").err(), Some(Full::All), "all are new");
        let seats = Seats::new(3, 3, Duration::ZERO);
        let held = fill(&seats, addresses());
        held[0].standing.is_busy.store(true, Ordering::Relaxed);
        let _newcomer = take(&seats, "203.0.113.1").expect("a seat");
        assert_eq!(evicted(&held), [1]);
    }

    #[test]
    fn a_proxy_has_no_limit_of_its_own_and_is_never_evicted() {
        let seats = Seats::new(8, 1, Duration::ZERO);
        let proxy: Vec<Seat> = (0..7).map(|_| seats.take(ip("192.0.2.9"), true).expect("a seat")).collect();
        let _first = take(&seats, "203.0.113.1").expect("a seat");
        let _second = take(&seats, "203.1.113.1").expect("that of the first");
        assert_eq!(evicted(&proxy), [0; 0]);
    }
}
