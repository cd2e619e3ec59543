use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure, ensure_between};

/// `[limits]`: rate limits for password attempts, registration, messages by e-mail and an account's own changes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Whether the rate limits are enforced. `false` is meant for tests and trials.
    pub enabled: bool,
    /// Failed sign-ins to one account from one address.
    pub pair: Backoff,
    /// Failed sign-ins to one account from all addresses.
    pub account: Backoff,
    /// Failed sign-ins to all accounts from one address (IPv6: one /64). An IPv6 /48 may fail sixteen times as often.
    pub address: Backoff,
    /// Registration attempts from one address (IPv6: one /64). An IPv6 /48 may try sixteen times as often.
    pub register: Backoff,
    /// Sign-ins to one account, and password attempts for it from one address, successful or not.
    pub logins: Backoff,
    /// An account's changes of itself.
    pub changes: Backoff,
    /// Messages to one e-mail address, and messages that the user of one account requests.
    pub messages: Backoff,
    /// Messages that clients at one address (IPv6: one /64) request. An IPv6 /48 may request sixteen times as many.
    pub message_requests: Backoff,
    /// Wrong codes for one e-mail address, and wrong second factors of one account.
    pub codes: Backoff,
    /// The time for which an address is remembered after a sign-in to an account. Failures from other addresses do not
    /// delay a sign-in from a remembered one.
    #[serde(with = "super::duration")]
    pub known_for: Duration,
    /// The maximum number of refreshes of an account's sessions per minute. Each replica counts separately.
    pub refreshes_per_minute: u32,
    /// The maximum number of sessions of an account. A further sign-in ends the oldest session. Enforced even if
    /// `enabled` is `false`.
    pub sessions_per_account: u64,
}

/// An exponential backoff. After `free_attempts`, each attempt doubles the delay before the next one, from
/// `initial_delay` to `max_delay`. The count restarts when there was no attempt for `forget_after`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The number of attempts without a delay.
    #[serde(alias = "free")]
    pub free_attempts: u32,
    /// The first delay.
    #[serde(alias = "first_delay", with = "super::duration")]
    pub initial_delay: Duration,
    /// The maximum delay.
    #[serde(alias = "longest_delay", with = "super::duration")]
    pub max_delay: Duration,
    /// The time without an attempt after which the count restarts.
    #[serde(with = "super::duration")]
    pub forget_after: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let backoff = |free_attempts, max_delay_minutes| Backoff {
            free_attempts,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_mins(max_delay_minutes),
            forget_after: Duration::from_hours(1),
        };
        Self {
            enabled: true,
            pair: backoff(5, 15),
            account: backoff(50, 1),
            address: backoff(100, 15),
            register: backoff(20, 15),
            logins: Backoff {
                max_delay: Duration::from_secs(10),
                forget_after: Duration::from_mins(10),
                ..backoff(60, 1)
            },
            changes: backoff(60, 1),
            messages: Backoff {
                initial_delay: Duration::from_mins(1),
                forget_after: Duration::from_hours(24),
                ..backoff(5, 60)
            },
            message_requests: backoff(20, 15),
            codes: Backoff { initial_delay: Duration::from_hours(1), ..backoff(10, 60) },
            known_for: Duration::from_hours(90 * 24),
            refreshes_per_minute: 300,
            sessions_per_account: 100,
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        for (backoff, name) in [
            (&self.pair, "pair"),
            (&self.account, "account"),
            (&self.address, "address"),
            (&self.register, "register"),
            (&self.logins, "logins"),
            (&self.changes, "changes"),
            (&self.messages, "messages"),
            (&self.message_requests, "message_requests"),
            (&self.codes, "codes"),
        ] {
            let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
            ensure(backoff.free_attempts >= 1, format!("limits.{name}.free_attempts"), "must be at least 1")?;
            let key = format!("limits.{name}.initial_delay");
            ensure_between(backoff.initial_delay, second, backoff.max_delay.max(second), &key)?;
            let key = format!("limits.{name}.max_delay");
            ensure_between(backoff.max_delay, second, day, &key)?;
            let key = format!("limits.{name}.forget_after");
            ensure_between(backoff.forget_after, backoff.max_delay, 30 * day, &key)?;
        }
        let day = Duration::from_hours(24);
        ensure_between(self.known_for, Duration::ZERO, 4000 * day, "limits.known_for")?;
        ensure(self.refreshes_per_minute >= 1, "limits.refreshes_per_minute", "must be at least 1")?;
        let is_valid = (1..=1000).contains(&self.sessions_per_account);
        ensure(is_valid, "limits.sessions_per_account", "must be between 1 and 1000")
    }
}
