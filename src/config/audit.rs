use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure_between};

/// `[audit]`: the audit log of security events.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AuditConfig {
    /// The time for which an event is retained. Zero retains events forever.
    #[serde(with = "super::duration")]
    pub retention: Duration,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { retention: Duration::from_hours(365 * 24) }
    }
}

impl AuditConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        if self.retention.is_zero() {
            return Ok(());
        }
        let day = Duration::from_hours(24);
        ensure_between(self.retention, day, 40_000 * day, "audit.retention")
    }
}
