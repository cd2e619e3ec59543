use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    config::{Ladder, LimitsConfig},
    id::UserId,
};

/// The digits of half a hash, so that a pair's key has the length of the others.
const HALF_HASH_DIGITS: usize = 32;

/// How many times more a /48 of IPv6 may try than one /64 in it, of which it has 65536.
const BLOCK_FACTOR: i64 = 16;

/// What is counted.
#[derive(Clone)]
pub(super) enum ThrottleKey {
    /// Failures for one account, from anywhere but known places.
    Account(String),
    /// First tries for one account from networks that have not tried it lately, while the account has to wait.
    NewNetworks(String),
    /// The first try for one account from one wide network.
    FirstAttempt(String, IpAddr),
    /// Any other try from there; it is counted with the first.
    LaterAttempt(String, IpAddr),
    /// Failures from one network for any account.
    Address(IpAddr),
    /// Failures from a /48 of IPv6 for any account, but for those at known places.
    AddressBlock(IpAddr),
    /// Failures for one account from one network.
    AccountAndAddress(String, IpAddr),
    /// Tries for one account from one network, right or wrong.
    AnyAttempt(String, IpAddr),
    /// Sign-ins to one account.
    Login(UserId),
    /// Registrations from one network.
    Registration(IpAddr),
    /// Registrations from a /48 of IPv6.
    RegistrationBlock(IpAddr),
    /// Changes of an account by itself.
    Change(UserId),
}

/// Where somebody has signed in to an account. It is not counted, only remembered.
pub(super) struct KnownAddress<'a> {
    pub(super) account: &'a str,
    /// The token version that the account had then. With another one the place is not known.
    pub(super) token_version: Option<i64>,
    pub(super) address: IpAddr,
}

impl KnownAddress<'_> {
    /// The subject as the database knows it.
    pub(super) fn row_key(&self) -> String {
        let token_version = self.token_version.unwrap_or(-1);
        hashed("known", &format!("{} {token_version} {}", ip_prefix(self.address), self.account))
    }
}

impl ThrottleKey {
    /// How often it may be tried.
    pub(super) fn ladder<'a>(&self, config: &'a LimitsConfig) -> &'a Ladder {
        match self {
            Self::Account(_) | Self::NewNetworks(_) | Self::FirstAttempt(..) | Self::LaterAttempt(..) => {
                &config.account
            }
            Self::AccountAndAddress(..) => &config.pair,
            Self::Address(_) | Self::AddressBlock(_) => &config.address,
            Self::AnyAttempt(..) | Self::Login(_) => &config.logins,
            Self::Registration(_) | Self::RegistrationBlock(_) => &config.register,
            Self::Change(_) => &config.changes,
        }
    }

    /// How long it has to wait after so many tries.
    pub(super) fn delay_after(&self, tries: i64, ladder: &Ladder) -> Duration {
        match self {
            // Counted only to know who comes for the first time.
            Self::FirstAttempt(..) | Self::LaterAttempt(..) => Duration::ZERO,
            Self::AddressBlock(_) | Self::RegistrationBlock(_) => ladder.delay_after(tries / BLOCK_FACTOR),
            _ => ladder.delay_after(tries),
        }
    }

    /// Whether this try is one too many, however long ago the last was.
    pub(super) fn is_used_up_after(&self, tries: i64) -> bool {
        matches!(self, Self::FirstAttempt(..)) && tries > 1
    }

    /// The subject as the database knows it.
    pub(super) fn row_key(&self) -> String {
        match self {
            Self::Account(account) => hashed("account", account),
            Self::NewNetworks(account) => hashed("newcomer", account),
            Self::FirstAttempt(account, address) | Self::LaterAttempt(account, address) => {
                key_at("visit", account, wide_prefix(*address))
            }
            Self::AccountAndAddress(account, address) => key_at("pair", account, ip_prefix(*address)),
            Self::AnyAttempt(account, address) => key_at("attempt", account, ip_prefix(*address)),
            Self::Address(address) => hashed("address", &ip_prefix(*address).to_string()),
            Self::AddressBlock(address) => hashed("address", &format!("{}/48", wide_prefix(*address))),
            Self::RegistrationBlock(address) => hashed("register", &format!("{}/48", wide_prefix(*address))),
            Self::Login(user) => hashed("login", &user.to_string()),
            Self::Registration(address) => hashed("register", &ip_prefix(*address).to_string()),
            Self::Change(user) => hashed("change", &user.to_string()),
        }
    }
}

/// Whether an address is one of so many of its owner's that its /48 is counted as well.
pub(super) fn is_ipv6(address: IpAddr) -> bool {
    address.to_canonical().is_ipv6()
}

/// The wait of a wide network that was refused a try for an account, as the database knows it.
pub(super) fn wait_key(account: &str, address: IpAddr) -> String {
    key_at("wait", account, wide_prefix(address))
}

/// What the throttle knows an account by, as somebody whose password is tried.
#[must_use]
pub fn account_key(user: UserId) -> String {
    format!("id {user}")
}

/// The first and the last key of each kind that an account and a network can have. All of one length and of the digits
/// `0` to `f`, they sort alike in every collation that a database may have.
pub(super) fn account_key_ranges(account: &str) -> [RangeInclusive<String>; 4] {
    ["visit", "pair", "attempt", "wait"].map(|kind| {
        let end = |digit: &str| format!("{}{}", prefix_of(kind, account), digit.repeat(HALF_HASH_DIGITS));
        end("0")..=end("f")
    })
}

/// The key of an account and a network.
fn key_at(kind: &str, account: &str, network: IpAddr) -> String {
    format!("{}{}", prefix_of(kind, account), half_hash(&network.to_string()))
}

fn prefix_of(kind: &str, account: &str) -> String {
    format!("{kind}:{}", half_hash(account))
}

/// A subject as the database knows it: a name that people typed in is not kept.
fn hashed(kind: &str, subject: &str) -> String {
    format!("{kind}:{}", hash(subject))
}

/// Enough of a hash for a part of a key: who finds another subject of the same half wins nothing.
fn half_hash(subject: &str) -> String {
    let mut hash = hash(subject);
    hash.truncate(HALF_HASH_DIGITS);
    hash
}

fn hash(subject: &str) -> String {
    let hash = digest(&SHA256, subject.as_bytes());
    hash.as_ref().iter().fold(String::new(), |key, byte| format!("{key}{byte:02x}"))
}

/// One customer of a provider has at least a /64 of IPv6, so that is what is counted.
fn ip_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
    }
}

/// The network of a provider's customer at most: a /48 of IPv6, a /24 of IPv4.
fn wide_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from(u32::from(address) & (u32::MAX << 8))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 80))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_a_64_are_one_and_mapped_addresses_are_version_4() {
        let key = |address: &str| ThrottleKey::Address(address.parse().expect("an address")).row_key();
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn a_first_try_counts_for_a_whole_24_or_48() {
        let key = |address: &str| {
            ThrottleKey::FirstAttempt("ada".into(), address.parse().expect("an address")).row_key()
        };
        assert_eq!(key("192.0.2.1"), key("192.0.2.255"));
        assert_ne!(key("192.0.2.1"), key("192.0.3.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8:0:ffff::1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:1::1"));
    }

    #[test]
    fn a_place_is_known_for_one_token_version() {
        let key = |token_version| {
            KnownAddress { account: "ada", token_version, address: [192, 0, 2, 1].into() }.row_key()
        };
        assert_ne!(key(Some(0)), key(Some(1)));
        assert_ne!(key(Some(0)), key(None));
    }

    #[test]
    fn the_keys_of_an_account_lie_together_and_no_others_among_them() {
        for number in 0..=255 {
            let address = IpAddr::from([192, 0, number, 1]);
            let keys = |account: &str| {
                [
                    ThrottleKey::FirstAttempt(account.to_owned(), address).row_key(),
                    ThrottleKey::AccountAndAddress(account.to_owned(), address).row_key(),
                    ThrottleKey::AnyAttempt(account.to_owned(), address).row_key(),
                    wait_key(account, address),
                ]
            };
            for ((range, key), other) in
                account_key_ranges("ada").into_iter().zip(keys("ada")).zip(keys("bob"))
            {
                assert!(range.contains(&key) && !range.contains(&other));
            }
        }
    }
}
