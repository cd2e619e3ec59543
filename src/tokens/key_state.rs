use std::time::Duration;

use super::key::HS256;
use crate::{clock::Timestamp, config::MAX_ACCESS_TTL};

/// The maximum difference between the clocks of replicas. With a larger one, a revocation could expire too early.
const CLOCK_MARGIN: Duration = Duration::from_mins(5);

/// The maximum lifetime of an access token, on any replica and with any valid configuration.
///
/// Revocations and retired keys are kept for this long. A process must not derive that time from its own
/// `tokens.access_ttl`, because the process that signed the token may be configured with a longer one.
pub const MAX_TOKEN_LIFETIME: Duration = MAX_ACCESS_TTL.saturating_add(CLOCK_MARGIN);

/// A signing key as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyInfo {
    /// Identifier of the key.
    pub kid: String,
    /// The signature algorithm, such as `EdDSA`.
    pub algorithm: String,
    /// State of the key.
    #[serde(flatten)]
    pub state: KeyState,
    /// Time at which the key was created and first published.
    pub created_at: Timestamp,
}

impl KeyInfo {
    /// Whether the verification key differs from the signing key, so that it is published.
    #[must_use]
    pub fn is_asymmetric(&self) -> bool {
        self.algorithm != HS256
    }
}

/// State of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum KeyState {
    /// Published, and becomes active later.
    #[serde(rename = "next")]
    Pending {
        /// Time at which it becomes active.
        active_from: Timestamp,
    },
    /// Signs tokens.
    Active {
        /// Time at which it became active.
        active_from: Timestamp,
        /// Time at which its successor becomes active. `None` if no successor is scheduled.
        active_until: Option<Timestamp>,
    },
    /// Signs no longer, but is published to verify its tokens.
    Retired {
        /// Time at which it stopped signing.
        active_until: Timestamp,
        /// Time at which the last of its tokens expires.
        published_until: Timestamp,
    },
    /// No longer published, because its tokens have expired.
    Withdrawn {
        /// Time at which its publication ended.
        published_until: Timestamp,
    },
    /// Revoked together with all its tokens.
    Revoked {
        /// Time of the revocation.
        revoked_at: Timestamp,
    },
}

/// Time at which a new key becomes active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// After `tokens.key_publish_ahead`, so that clients which cache the key set have seen the key.
    Scheduled,
    /// As soon as every replica has read the key.
    Immediate,
}
