use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure_between};

/// `[factors]`: second factors.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FactorsConfig {
    /// The accounts that must have a second factor.
    pub required: RequiredFactors,
    /// The grace period: the time from the first sign-in under this policy for which an account may be used without a
    /// second factor. Zero requires one at the next sign-in.
    #[serde(with = "super::duration")]
    pub grace: Duration,
    /// The time for which a user can trust a device, on which they then sign in without a second factor. Zero permits no
    /// trusted devices.
    #[serde(with = "super::duration")]
    pub trusted_devices: Duration,
    /// Whether a code that is sent by e-mail may take the place of the second factor after a password. This is weaker:
    /// whoever can read the mail of a user, and knows the password, signs in.
    pub email_codes: bool,
}

/// The accounts that must have a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RequiredFactors {
    /// No account must have one.
    #[default]
    Off,
    /// The accounts whose roles grant a scope of the server itself.
    Admins,
    /// All accounts.
    Everyone,
}

impl Default for FactorsConfig {
    fn default() -> Self {
        Self {
            required: RequiredFactors::Off,
            grace: Duration::from_hours(7 * 24),
            trusted_devices: Duration::ZERO,
            email_codes: false,
        }
    }
}

impl FactorsConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        let year = Duration::from_hours(365 * 24);
        ensure_between(self.grace, Duration::ZERO, year, "factors.grace")?;
        let quarter = Duration::from_hours(90 * 24);
        ensure_between(self.trusted_devices, Duration::ZERO, quarter, "factors.trusted_devices")
    }
}
