use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Impossible, require, require_between};

/// `[limits]`: the throttle on guessing passwords, on registration, and on what an account writes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Whether there is a throttle at all. Off is for tests and trials.
    pub enabled: bool,
    /// Failures for one account from one address.
    pub pair: Ladder,
    /// Failures for one account from anywhere.
    pub account: Ladder,
    /// Failures from one address (IPv6: from one /64) for any account. A /48 of IPv6 may fail sixteen times as often.
    pub address: Ladder,
    /// Tries to register from one address (IPv6: from one /64). A /48 of IPv6 may try sixteen times as often.
    pub register: Ladder,
    /// Sign-ins to one account, and tries of its password from one address, right or wrong.
    pub logins: Ladder,
    /// Changes of an account by itself.
    pub changes: Ladder,
    /// How long an address is known from which somebody has signed in to an account: there, failures for the
    /// account from anywhere else do not count.
    #[serde(with = "super::duration")]
    pub known_for: Duration,
    /// The maximum number of refreshes of the sessions of an account in a minute. Each replica counts for itself.
    pub refreshes_per_minute: u32,
    /// How many sessions an account may have; the next ends the oldest. Counts also when `enabled` is false.
    pub sessions_per_account: u64,
}

/// Some tries are free; then each doubles the wait before the next, up to a longest one. What is
/// older than `forget_after` does not count.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// How many tries cost no wait.
    pub free: u32,
    /// The first wait.
    #[serde(with = "super::duration")]
    pub first_delay: Duration,
    /// The longest wait.
    #[serde(with = "super::duration")]
    pub longest_delay: Duration,
    /// How long after the last try everything is forgotten.
    #[serde(with = "super::duration")]
    pub forget_after: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let ladder = |free, longest_minutes| Ladder {
            free,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_mins(longest_minutes),
            forget_after: Duration::from_hours(1),
        };
        Self {
            enabled: true,
            pair: ladder(5, 15),
            account: ladder(50, 1),
            address: ladder(100, 15),
            register: ladder(20, 15),
            logins: Ladder {
                longest_delay: Duration::from_secs(10),
                forget_after: Duration::from_mins(10),
                ..ladder(60, 1)
            },
            changes: ladder(60, 1),
            known_for: Duration::from_hours(90 * 24),
            refreshes_per_minute: 300,
            sessions_per_account: 100,
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        for (ladder, name) in [
            (&self.pair, "pair"),
            (&self.account, "account"),
            (&self.address, "address"),
            (&self.register, "register"),
            (&self.logins, "logins"),
            (&self.changes, "changes"),
        ] {
            let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
            require(ladder.free >= 1, format!("limits.{name}.free"), "must be at least 1")?;
            let key = format!("limits.{name}.first_delay");
            require_between(ladder.first_delay, second, ladder.longest_delay.max(second), &key)?;
            let key = format!("limits.{name}.longest_delay");
            require_between(ladder.longest_delay, second, day, &key)?;
            let key = format!("limits.{name}.forget_after");
            require_between(ladder.forget_after, ladder.longest_delay, 30 * day, &key)?;
        }
        let day = Duration::from_hours(24);
        require_between(self.known_for, Duration::ZERO, 4000 * day, "limits.known_for")?;
        require(self.refreshes_per_minute >= 1, "limits.refreshes_per_minute", "must be at least 1")?;
        let most = self.sessions_per_account;
        require((1..=1000).contains(&most), "limits.sessions_per_account", "must be between 1 and 1000")
    }
}
