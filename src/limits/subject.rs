use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    config::{Backoff, LimitsConfig},
    id::UserId,
};

/// The hexadecimal digits of half a hash. Two halves give a row key the length of those with one whole hash.
const HALF_HASH_DIGITS: usize = 32;

/// The attempts that an IPv6 /48 may make for each attempt of a single /64. A /48 contains 65,536 of them.
const BLOCK_FACTOR: i64 = 16;

/// A key under which attempts are counted.
#[derive(Clone)]
pub(super) enum ThrottleKey {
    /// Failures for one account, from all but known addresses.
    Account(String),
    /// First attempts on one account from networks without recent attempts on it, while the account is blocked.
    NewNetworks(String),
    /// The first attempt on one account from one wide network.
    FirstAttempt(String, IpAddr),
    /// Any other attempt on that account from that network. It shares the row of the first one.
    LaterAttempt(String, IpAddr),
    /// Failures from one network for any account.
    Address(IpAddr),
    /// Failures from an IPv6 /48 for any account, except from known addresses.
    AddressBlock(IpAddr),
    /// Failures for one account from one network.
    AccountAndAddress(String, IpAddr),
    /// Attempts on one account from one network, successful or not.
    AnyAttempt(String, IpAddr),
    /// Sign-ins to one account.
    Login(UserId),
    /// Registrations from one network.
    Registration(IpAddr),
    /// Registrations from an IPv6 /48.
    RegistrationBlock(IpAddr),
    /// Changes of an account by its user.
    Change(UserId),
    /// Messages to one e-mail address.
    Message(String),
    /// Messages that the user of an account requests.
    MessageOfAccount(UserId),
    /// Messages that clients in one network request.
    MessageRequest(IpAddr),
    /// Messages that clients in an IPv6 /48 request.
    MessageRequestBlock(IpAddr),
    /// Codes that were sent to one e-mail address.
    Code(String),
    /// Second factors of an account.
    SecondFactor(UserId),
    /// Notices of one kind to the user of an account.
    Notice(UserId, &'static str),
}

/// An address from which a user has signed in to an account. It has a row, but no count.
pub(super) struct KnownAddress<'a> {
    pub(super) account: &'a str,
    /// The token version of the account at that sign-in. With another one, the address is not known.
    pub(super) token_version: Option<i64>,
    pub(super) address: IpAddr,
}

impl KnownAddress<'_> {
    /// The key of its row in the database.
    pub(super) fn row_key(&self) -> String {
        let token_version = self.token_version.unwrap_or(-1);
        hashed("known", &format!("{} {token_version} {}", ip_prefix(self.address), self.account))
    }
}

impl ThrottleKey {
    /// The backoff for this key.
    pub(super) fn backoff<'a>(&self, config: &'a LimitsConfig) -> &'a Backoff {
        match self {
            Self::Account(_) | Self::NewNetworks(_) | Self::FirstAttempt(..) | Self::LaterAttempt(..) => {
                &config.account
            }
            Self::AccountAndAddress(..) => &config.pair,
            Self::Address(_) | Self::AddressBlock(_) => &config.address,
            Self::AnyAttempt(..) | Self::Login(_) => &config.logins,
            Self::Registration(_) | Self::RegistrationBlock(_) => &config.register,
            Self::Change(_) => &config.changes,
            Self::Message(_) | Self::MessageOfAccount(_) | Self::Notice(..) => &config.messages,
            Self::MessageRequest(_) | Self::MessageRequestBlock(_) => &config.message_requests,
            Self::Code(_) | Self::SecondFactor(_) => &config.codes,
        }
    }

    /// The block after this many attempts.
    pub(super) fn delay_after(&self, tries: i64, backoff: &Backoff) -> Duration {
        match self {
            // Counted only to recognize a network's first attempt.
            Self::FirstAttempt(..) | Self::LaterAttempt(..) => Duration::ZERO,
            Self::AddressBlock(_) | Self::RegistrationBlock(_) | Self::MessageRequestBlock(_) => {
                backoff.delay_after(tries / BLOCK_FACTOR)
            }
            _ => backoff.delay_after(tries),
        }
    }

    /// Whether this attempt exceeds the limit regardless of any block.
    pub(super) fn is_used_up_after(&self, tries: i64) -> bool {
        matches!(self, Self::FirstAttempt(..)) && tries > 1
    }

    /// The key of its row in the database.
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
            Self::Message(address) => hashed("message", address),
            Self::MessageOfAccount(user) => hashed("message", &user.to_string()),
            Self::MessageRequest(address) => hashed("mailer", &ip_prefix(*address).to_string()),
            Self::MessageRequestBlock(address) => hashed("mailer", &format!("{}/48", wide_prefix(*address))),
            Self::Code(address) => hashed("code", address),
            Self::SecondFactor(user) => hashed("factor", &user.to_string()),
            Self::Notice(user, kind) => hashed("notice", &format!("{kind} {user}")),
        }
    }
}

/// Whether an address is IPv6. Then its /48 is counted as well, because one customer can have a whole /48.
pub(super) fn is_ipv6(address: IpAddr) -> bool {
    address.to_canonical().is_ipv6()
}

/// The row key for the block of a wide network that retried too early on an account.
pub(super) fn wait_key(account: &str, address: IpAddr) -> String {
    key_at("wait", account, wide_prefix(address))
}

/// The throttle's name for an account that exists.
#[must_use]
pub fn account_key(user: UserId) -> String {
    format!("id {user}")
}

/// The range of row keys of each kind that contains an account and a network. The keys have one length and the digits
/// `0` to `f`, so they sort alike in every collation.
pub(super) fn account_key_ranges(account: &str) -> [RangeInclusive<String>; 4] {
    ["visit", "pair", "attempt", "wait"].map(|kind| {
        let end = |digit: &str| format!("{}{}", prefix_of(kind, account), digit.repeat(HALF_HASH_DIGITS));
        end("0")..=end("f")
    })
}

/// The row key of an account and a network.
fn key_at(kind: &str, account: &str, network: IpAddr) -> String {
    format!("{}{}", prefix_of(kind, account), half_hash(&network.to_string()))
}

fn prefix_of(kind: &str, account: &str) -> String {
    format!("{kind}:{}", half_hash(account))
}

/// A row key from a hash, because the database must not store names that people typed in.
fn hashed(kind: &str, text: &str) -> String {
    format!("{kind}:{}", hash(text))
}

/// The first 128 bits of the hash. A collision would only make two accounts share one counter.
fn half_hash(text: &str) -> String {
    let mut hash = hash(text);
    hash.truncate(HALF_HASH_DIGITS);
    hash
}

fn hash(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().fold(String::new(), |key, byte| format!("{key}{byte:02x}"))
}

/// The network that is counted as one client: an IPv4 address, or an IPv6 /64, because each customer has at least that.
fn ip_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
    }
}

/// The largest network of one customer: an IPv6 /48, or an IPv4 /24.
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
    fn addresses_in_one_64_share_a_key_and_mapped_addresses_are_ipv4() {
        let key = |address: &str| ThrottleKey::Address(address.parse().expect("an address")).row_key();
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn a_first_attempt_counts_for_a_whole_24_or_48() {
        let key = |address: &str| {
            ThrottleKey::FirstAttempt("ada".into(), address.parse().expect("an address")).row_key()
        };
        assert_eq!(key("192.0.2.1"), key("192.0.2.255"));
        assert_ne!(key("192.0.2.1"), key("192.0.3.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8:0:ffff::1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:1::1"));
    }

    #[test]
    fn an_address_is_known_for_one_token_version() {
        let key = |token_version| {
            KnownAddress { account: "ada", token_version, address: [192, 0, 2, 1].into() }.row_key()
        };
        assert_ne!(key(Some(0)), key(Some(1)));
        assert_ne!(key(Some(0)), key(None));
    }

    #[test]
    fn the_ranges_of_an_account_contain_its_row_keys_and_no_others() {
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
