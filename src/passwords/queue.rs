//! The job queue. It is fair: networks are served round-robin, and so are the accounts in each network.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

/// The prefix lengths by which IPv6 addresses are grouped, from a provider's customer to a single link.
const PREFIXES_V6: [u8; 3] = [48, 56, 64];

/// The prefix lengths by which IPv4 addresses are grouped.
const PREFIXES_V4: [u8; 3] = [24, 32, 32];

/// The client for which a job is queued: its networks, from wide to narrow, and the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requester(Arc<[Segment]>);

/// A segment of the path from the root of the queue to the jobs of a requester.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    /// The server itself, which has no address.
    Server,
    Network(IpAddr),
    Account(String),
}

impl Requester {
    /// The server itself, or an operator at its command line.
    pub(super) fn server() -> Self {
        Self([const { Segment::Server }; 4].into())
    }

    /// A client at this address, with this account.
    pub(super) fn client(address: IpAddr, account: &str) -> Self {
        let address = address.to_canonical();
        let lengths = if address.is_ipv4() { PREFIXES_V4 } else { PREFIXES_V6 };
        let [wide, middle, narrow] = lengths.map(|length| Segment::Network(prefix(address, length)));
        Self([wide, middle, narrow, Segment::Account(account.to_owned())].into())
    }
}

/// The address with all bits after the first `length` bits set to zero.
fn prefix(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// A queue of up to `capacity` jobs. Networks are served round-robin, and within each the narrower networks and the
/// accounts.
pub(super) struct Queue<T> {
    root: Node<T>,
    capacity: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { root: Node::default(), capacity }
    }

    /// Adds a job. If the queue was full, removes and returns the newest job of the largest network and account,
    /// which may be the added one.
    #[must_use]
    pub(super) fn push(&mut self, requester: &Requester, job: T) -> Option<T> {
        self.root.push(&requester.0, job);
        if self.root.len <= self.capacity { None } else { self.root.evict(&requester.0) }
    }

    /// Removes the next job.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.root.pop()
    }
}

/// A node of the queue. It has either children or jobs.
struct Node<T> {
    children: HashMap<Segment, Self>,
    /// The children in round-robin order.
    rotation: VecDeque<Segment>,
    jobs: VecDeque<T>,
    /// The number of jobs in this node and below it.
    len: usize,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: HashMap::new(), rotation: VecDeque::new(), jobs: VecDeque::new(), len: 0 }
    }
}

impl<T> Node<T> {
    fn push(&mut self, path: &[Segment], job: T) {
        self.len += 1;
        let Some((segment, path)) = path.split_first() else { return self.jobs.push_back(job) };
        if !self.children.contains_key(segment) {
            self.rotation.push_back(segment.clone());
        }
        self.children.entry(segment.clone()).or_default().push(path, job);
    }

    fn pop(&mut self) -> Option<T> {
        let job = match self.rotation.pop_front() {
            None => self.jobs.pop_front(),
            Some(segment) => {
                let child = self.children.get_mut(&segment)?;
                let job = child.pop();
                if child.len > 0 {
                    self.rotation.push_back(segment);
                } else {
                    self.children.remove(&segment);
                }
                job
            }
        }?;
        self.len -= 1;
        Some(job)
    }

    /// Removes the newest job of the largest child. Among equally large children it prefers the one on the path of
    /// the added job, so that a requester displaces only jobs of larger requesters.
    fn evict(&mut self, added: &[Segment]) -> Option<T> {
        let Some(max) = self.children.values().map(|child| child.len).max() else {
            let job = self.jobs.pop_back()?;
            self.len -= 1;
            return Some(job);
        };
        let is_largest =
            |segment: &&Segment| self.children.get(*segment).is_some_and(|child| child.len == max);
        let own = added.first().filter(is_largest);
        let segment = own.or_else(|| self.rotation.iter().find(is_largest))?.clone();
        let path = if own.is_some() { &added[1..] } else { &[] };
        let child = self.children.get_mut(&segment)?;
        let job = child.evict(path)?;
        if child.len == 0 {
            self.children.remove(&segment);
            self.rotation.retain(|turn| *turn != segment);
        }
        self.len -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requester(address: &str, account: &str) -> Requester {
        Requester::client(address.parse().expect("an address"), account)
    }

    /// A queue of these jobs, each named after its account.
    fn queue(capacity: usize, jobs: &[(&'static str, &'static str, usize)]) -> Queue<String> {
        let mut queue = Queue::new(capacity);
        for (address, account, count) in jobs {
            for number in 0..*count {
                let lost = queue.push(&requester(address, account), format!("{account}{number}"));
                assert_eq!(lost, None, "there is room");
            }
        }
        queue
    }

    fn drain(mut queue: Queue<String>) -> Vec<String> {
        let jobs: Vec<String> = std::iter::from_fn(|| queue.pop()).collect();
        assert!(queue.root.len == 0 && queue.root.children.is_empty() && queue.root.rotation.is_empty());
        jobs
    }

    #[test]
    fn networks_are_served_round_robin_and_so_are_their_accounts() {
        let queue = queue(
            9,
            &[("192.0.2.1", "a", 3), ("192.0.2.1", "b", 2), ("198.51.100.1", "c", 2), ("192.0.2.2", "d", 1)],
        );
        assert_eq!(drain(queue), ["a0", "c0", "d0", "c1", "b0", "a1", "b1", "a2"]);
    }

    #[test]
    fn networks_with_a_common_prefix_share_a_turn() {
        let queue = queue(
            9,
            &[
                ("2001:db8:0:1::1", "a", 1),
                ("2001:db8:0:2::1", "b", 1),
                ("2001:db8:0:100::1", "c", 1),
                ("2001:db8:1::1", "d", 1),
                ("::ffff:192.0.2.1", "e", 1),
                ("192.0.2.1", "e", 1),
            ],
        );
        assert_eq!(drain(queue), ["a0", "d0", "e0", "c0", "e0", "b0"]);
    }

    #[test]
    fn a_new_requester_displaces_the_newest_job_of_the_largest_one() {
        let mut queue = queue(4, &[("192.0.2.1", "a", 3), ("198.51.100.1", "b", 1)]);
        assert_eq!(queue.push(&requester("203.0.113.1", "c"), "c0".to_owned()).as_deref(), Some("a2"));
        assert_eq!(queue.push(&requester("192.0.2.1", "d"), "d0".to_owned()).as_deref(), Some("a1"));
        assert_eq!(queue.push(&requester("192.0.2.1", "a"), "a3".to_owned()).as_deref(), Some("a3"));
        assert_eq!(drain(queue), ["a0", "b0", "c0", "d0"]);
    }

    #[test]
    fn among_equal_requesters_the_added_job_is_rejected() {
        let mut queue = queue(2, &[("192.0.2.1", "a", 1), ("198.51.100.1", "b", 1)]);
        assert_eq!(queue.push(&requester("203.0.113.1", "c"), "c0".to_owned()).as_deref(), Some("c0"));
        assert_eq!(queue.push(&Requester::server(), "s0".to_owned()).as_deref(), Some("s0"));
        assert_eq!(drain(queue), ["a0", "b0"]);
    }
}
