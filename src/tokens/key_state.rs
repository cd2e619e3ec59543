use std::time::Duration;

use super::key::HS256;
use crate::{clock::Timestamp, config::MAX_ACCESS_TTL};

/// The most by which the clocks of replicas may differ before a revocation could expire too early.
const CLOCK_MARGIN: Duration = Duration::from_mins(5);

/// The longest time from the signing of an access token to its expiry, on any replica and under any configuration
/// that is permitted.
///
/// A revocation, and a key that has signed, is kept for this long. A process must not derive that time from its own
/// `tokens.access_ttl`, because the process that signed the token may be configured with a longer one.
pub const MAX_TOKEN_LIFETIME: Duration = MAX_ACCESS_TTL.saturating_add(CLOCK_MARGIN);

/// A key as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyInfo {
    /// Its name.
    pub kid: String,
    /// The algorithm that it signs with.
    pub algorithm: String,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: KeyState,
    /// When it was made and first published.
    pub created_at: Timestamp,
}

impl KeyInfo {
    /// Whether what verifies is not what signs, so that it is published.
    #[must_use]
    pub fn is_asymmetric(&self) -> bool {
        self.algorithm != HS256
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum KeyState {
    /// Published, and signs later.
    #[serde(rename = "next")]
    Pending {
        /// When it begins to sign.
        active_from: Timestamp,
    },
    /// Signs.
    Active {
        /// Since when.
        active_from: Timestamp,
        /// Until when, where another follows.
        active_until: Option<Timestamp>,
    },
    /// Published for the tokens that it has signed.
    Retired {
        /// Until when it signed.
        active_until: Timestamp,
        /// When the last of its tokens has expired.
        published_until: Timestamp,
    },
    /// Published no more: its tokens have expired.
    Withdrawn {
        /// Since when.
        published_until: Timestamp,
    },
    /// Withdrawn with all its tokens.
    Revoked {
        /// Since when.
        revoked_at: Timestamp,
    },
}

/// When a key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// When everybody who keeps the published keys for a while has seen it.
    Scheduled,
    /// As soon as every replica knows it.
    Immediate,
}
