use std::{
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    config::{Ladder, LimitsConfig},
    id::UserId,
};

/// The digits of half a hash, so that a pair's key has the length of the others.
const HALF: usize = 32;

/// What is counted.
#[derive(Clone)]
pub(super) enum Subject {
    Account(String),
    Pair(String, IpAddr),
    Address(IpAddr),
    Register(IpAddr),
}

/// Where somebody has signed in to an account. It is not counted, only remembered.
pub(super) struct KnownPlace<'a>(pub(super) &'a str, pub(super) IpAddr);

impl KnownPlace<'_> {
    /// The subject as the database knows it.
    pub(super) fn key(&self) -> String {
        hashed("known", &format!("{} {}", network(self.1), self.0))
    }
}

impl Subject {
    /// How often it may be tried.
    pub(super) fn ladder<'a>(&self, config: &'a LimitsConfig) -> &'a Ladder {
        match self {
            Self::Account(_) => &config.account,
            Self::Pair(..) => &config.pair,
            Self::Address(_) => &config.address,
            Self::Register(_) => &config.register,
        }
    }

    /// The subject as the database knows it.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Account(account) => hashed("account", account),
            Self::Pair(account, address) => {
                format!("{}{}", prefix_of_pairs(account), half_hash(&network(*address).to_string()))
            }
            Self::Address(address) => hashed("address", &network(*address).to_string()),
            Self::Register(address) => hashed("register", &network(*address).to_string()),
        }
    }
}

/// What the throttle knows an account by, as somebody whose password is tried.
#[must_use]
pub fn subject_of(user: UserId) -> String {
    format!("id {user}")
}

/// The first and the last key that a pair of this account can have. All of one length and of the digits `0` to
/// `f`, they sort alike in every collation that a database may have.
pub(super) fn keys_of_pairs(account: &str) -> RangeInclusive<String> {
    let end = |digit: &str| format!("{}{}", prefix_of_pairs(account), digit.repeat(HALF));
    end("0")..=end("f")
}

fn prefix_of_pairs(account: &str) -> String {
    format!("pair:{}", half_hash(account))
}

/// A subject as the database knows it: a name that people typed in is not kept.
fn hashed(kind: &str, subject: &str) -> String {
    format!("{kind}:{}", hash(subject))
}

/// Enough of a hash for a part of a key: who finds another subject of the same half wins nothing.
fn half_hash(subject: &str) -> String {
    let mut hash = hash(subject);
    hash.truncate(HALF);
    hash
}

fn hash(subject: &str) -> String {
    let hash = digest(&SHA256, subject.as_bytes());
    hash.as_ref().iter().fold(String::new(), |key, byte| format!("{key}{byte:02x}"))
}

/// One customer of a provider has at least a /64 of IPv6, so that is what is counted.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_64_are_one_and_mapped_addresses_are_version_4() {
        let key = |address: &str| Subject::Address(address.parse().expect("an address")).key();
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn the_pairs_of_an_account_lie_together_and_no_others_among_them() {
        for number in 0..=255 {
            let address = IpAddr::from([192, 0, 2, number]);
            let key = |account: &str| Subject::Pair(account.to_owned(), address).key();
            assert!(keys_of_pairs("ada").contains(&key("ada")));
            assert!(!keys_of_pairs("ada").contains(&key("bob")));
        }
    }
}
