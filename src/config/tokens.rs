use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Impossible, require, require_between};

/// The longest `tokens.access_ttl` that is permitted. Revocations and retired keys are kept for longer than this, on
/// every replica.
pub const MAX_ACCESS_TTL: Duration = Duration::from_hours(24);

/// `[tokens]`: access and refresh tokens. Times are written as `3s`, `15m`, `7d`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokensConfig {
    /// The `iss` claim. Without it, `http.public_url`.
    pub issuer: Option<String>,
    /// The `aud` claim.
    pub audience: String,
    /// How long an access token lives.
    #[serde(with = "super::duration")]
    pub access_ttl: Duration,
    /// How long a session lives after its last refresh.
    #[serde(with = "super::duration")]
    pub refresh_ttl: Duration,
    /// How long a session lives at most, however often it is refreshed.
    #[serde(with = "super::duration")]
    pub session_ttl: Duration,
    /// The time after a rotation in which the refresh token before still gives the same successor, at most twice.
    #[serde(with = "super::duration")]
    pub refresh_grace: Duration,
    /// How far the clocks of replicas may differ. At most 30 s.
    #[serde(with = "super::duration")]
    pub clock_skew: Duration,
    /// What the keys are that the server makes.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs before another takes over; zero for as long as nobody rotates.
    #[serde(with = "super::duration")]
    pub key_rotation: Duration,
    /// How long a key is published before it signs: at least as long as others keep the published keys.
    #[serde(with = "super::duration")]
    pub key_publish_ahead: Duration,
    /// A PEM file with a private key that signs instead of the keys in the database.
    pub signing_key_file: Option<PathBuf>,
    /// Claims that every access token carries besides its own.
    pub custom_claims: BTreeMap<String, Value>,
}

/// The algorithm of a key that the server makes (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
pub enum SigningAlgorithm {
    /// Ed25519: small and quick.
    #[serde(rename = "EdDSA")]
    #[value(name = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256, for who does not know `EdDSA`.
    #[serde(rename = "ES256")]
    #[value(name = "ES256")]
    Es256,
    /// RSA of 2048 bits, for who knows nothing else. Signing takes some ten times as long.
    #[serde(rename = "RS256")]
    #[value(name = "RS256")]
    Rs256,
}

/// The claims of an access token that a custom claim may not replace.
const RESERVED_CLAIMS: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "auth_time",
    "scope",
    "roles",
    "username",
    "client_id",
    "token_version",
    // The name of `token_version` in tokens of earlier builds, which are still read.
    "epoch",
    "status",
];

impl Default for TokensConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: "portcullis".to_owned(),
            access_ttl: Duration::from_hours(1),
            refresh_ttl: Duration::from_hours(7 * 24),
            session_ttl: Duration::from_hours(90 * 24),
            refresh_grace: Duration::from_secs(10),
            clock_skew: Duration::from_secs(30),
            algorithm: SigningAlgorithm::EdDsa,
            key_rotation: Duration::from_hours(90 * 24),
            key_publish_ahead: Duration::from_hours(24),
            signing_key_file: None,
            custom_claims: BTreeMap::new(),
        }
    }
}

impl TokensConfig {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
        require_between(self.access_ttl, second, MAX_ACCESS_TTL, "tokens.access_ttl")?;
        require_between(self.refresh_ttl, second, 400 * day, "tokens.refresh_ttl")?;
        require_between(self.session_ttl, second, 4000 * day, "tokens.session_ttl")?;
        require_between(self.refresh_grace, Duration::ZERO, Duration::from_mins(2), "tokens.refresh_grace")?;
        require_between(self.clock_skew, Duration::ZERO, Duration::from_secs(30), "tokens.clock_skew")?;
        if !self.key_rotation.is_zero() {
            require_between(self.key_rotation, Duration::from_hours(1), 4000 * day, "tokens.key_rotation")?;
            let most = self.key_rotation / 2;
            require_between(
                self.key_publish_ahead,
                Duration::from_mins(5),
                most,
                "tokens.key_publish_ahead",
            )?;
        }
        require(
            self.refresh_ttl <= self.session_ttl,
            "tokens.refresh_ttl",
            "must not be longer than tokens.session_ttl",
        )?;
        require(!self.audience.is_empty(), "tokens.audience", "must not be empty")?;
        require(
            self.issuer.as_ref().is_none_or(|issuer| !issuer.is_empty()),
            "tokens.issuer",
            "must not be empty",
        )?;
        let size = serde_json::to_vec(&self.custom_claims).map_or(usize::MAX, |claims| claims.len());
        require(
            size <= 2048,
            "tokens.custom_claims",
            "must have at most 2048 bytes as JSON, or no header holds the token",
        )?;
        for name in self.custom_claims.keys() {
            let key = format!("tokens.custom_claims.{name}");
            require(
                !RESERVED_CLAIMS.contains(&name.as_str()),
                key,
                "is a claim that Portcullis sets itself",
            )?;
        }
        Ok(())
    }
}
