use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InvalidValue, claims::check_profile_claims, ensure, ensure_between};

/// The maximum of `tokens.access_ttl`. All replicas retain revocations and retired keys for longer than this.
pub const MAX_ACCESS_TTL: Duration = Duration::from_hours(24);

/// `[tokens]`: access and refresh tokens. Durations are written as `3s`, `15m`, `7d`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TokensConfig {
    /// The `iss` claim. Default: `http.public_url`.
    pub issuer: Option<String>,
    /// The `aud` claim.
    pub audience: String,
    /// The lifetime of an access token.
    #[serde(with = "super::duration")]
    pub access_ttl: Duration,
    /// The lifetime of a refresh token: a session expires this long after its last refresh (sliding expiration).
    #[serde(with = "super::duration")]
    pub refresh_ttl: Duration,
    /// The maximum lifetime of a session, even if it is refreshed.
    #[serde(with = "super::duration")]
    pub session_ttl: Duration,
    /// The maximum lifetime of a personal access token. At most 366 days.
    #[serde(with = "super::duration")]
    pub personal_max_lifetime: Duration,
    /// The grace period after a refresh in which the previous refresh token returns the same successor, at most twice.
    #[serde(with = "super::duration")]
    pub refresh_grace: Duration,
    /// The time for which services may keep a status list, which tells them of revoked access tokens. Access tokens then
    /// contain their place in a list. Zero switches status lists off.
    #[serde(with = "super::duration")]
    pub status_list_ttl: Duration,
    /// The maximum difference between the clocks of replicas. At most 30 s.
    #[serde(with = "super::duration")]
    pub clock_skew: Duration,
    /// The algorithm of the signing keys that the server generates.
    pub algorithm: SigningAlgorithm,
    /// The time after which the next key replaces a signing key. Zero disables automatic rotation.
    #[serde(with = "super::duration")]
    pub key_rotation: Duration,
    /// The time for which a key is published before its first use. Services must not cache the key set for longer.
    #[serde(with = "super::duration")]
    pub key_publish_ahead: Duration,
    /// A PEM file with a private key that is used instead of the keys in the database.
    pub signing_key_file: Option<PathBuf>,
    /// Additional claims of all access tokens.
    pub custom_claims: BTreeMap<String, Value>,
    /// Claims with the profile of the account: the name of the claim, and the field that it contains.
    pub claims: BTreeMap<String, String>,
}

/// The algorithm of a signing key that the server generates (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// Ed25519, with small signatures and fast signing.
    #[serde(rename = "EdDSA")]
    #[value(name = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256, for clients without `EdDSA` support.
    #[serde(rename = "ES256")]
    #[value(name = "ES256")]
    Es256,
    /// RSA with 2048 bits, for clients that support only RSA. Signing takes about ten times as long.
    #[serde(rename = "RS256")]
    #[value(name = "RS256")]
    Rs256,
}

/// The claims of an access token that a custom claim must not replace.
const RESERVED_CLAIMS: [&str; 19] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "pat",
    "auth_time",
    "acr",
    "amr",
    "scope",
    "roles",
    "username",
    "client_id",
    "token_version",
    // The name of `token_version` in tokens of earlier builds, which are still read.
    "epoch",
    "status",
];

/// Whether Portcullis itself uses a claim of this name.
pub(crate) fn is_reserved_claim(name: &str) -> bool {
    RESERVED_CLAIMS.contains(&name)
}

impl Default for TokensConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: "portcullis".to_owned(),
            access_ttl: Duration::from_hours(1),
            refresh_ttl: Duration::from_hours(7 * 24),
            session_ttl: Duration::from_hours(90 * 24),
            personal_max_lifetime: Duration::from_hours(366 * 24),
            refresh_grace: Duration::from_secs(10),
            status_list_ttl: Duration::from_mins(1),
            clock_skew: Duration::from_secs(30),
            algorithm: SigningAlgorithm::EdDsa,
            key_rotation: Duration::from_hours(90 * 24),
            key_publish_ahead: Duration::from_hours(24),
            signing_key_file: None,
            custom_claims: BTreeMap::new(),
            claims: BTreeMap::new(),
        }
    }
}

impl TokensConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        let (second, day) = (Duration::from_secs(1), Duration::from_hours(24));
        ensure_between(self.access_ttl, second, MAX_ACCESS_TTL, "tokens.access_ttl")?;
        ensure_between(self.refresh_ttl, second, 400 * day, "tokens.refresh_ttl")?;
        ensure_between(self.session_ttl, second, 4000 * day, "tokens.session_ttl")?;
        let lifetime = self.personal_max_lifetime;
        ensure_between(lifetime, Duration::from_hours(1), 366 * day, "tokens.personal_max_lifetime")?;
        ensure_between(self.refresh_grace, Duration::ZERO, Duration::from_mins(2), "tokens.refresh_grace")?;
        ensure_between(self.clock_skew, Duration::ZERO, Duration::from_secs(30), "tokens.clock_skew")?;
        if !self.status_list_ttl.is_zero() {
            let (min, max) = (Duration::from_secs(5), Duration::from_hours(1));
            ensure_between(self.status_list_ttl, min, max, "tokens.status_list_ttl")?;
        }
        if !self.key_rotation.is_zero() {
            ensure_between(self.key_rotation, Duration::from_hours(1), 4000 * day, "tokens.key_rotation")?;
            let max = self.key_rotation / 2;
            ensure_between(self.key_publish_ahead, Duration::from_mins(5), max, "tokens.key_publish_ahead")?;
        }
        ensure(
            self.refresh_ttl <= self.session_ttl,
            "tokens.refresh_ttl",
            "must not be longer than tokens.session_ttl",
        )?;
        ensure(!self.audience.is_empty(), "tokens.audience", "must not be empty")?;
        ensure(
            self.issuer.as_ref().is_none_or(|issuer| !issuer.is_empty()),
            "tokens.issuer",
            "must not be empty",
        )?;
        let size = serde_json::to_vec(&self.custom_claims).map_or(usize::MAX, |claims| claims.len());
        ensure(
            size <= 2048,
            "tokens.custom_claims",
            "must have at most 2048 bytes as JSON, otherwise the token does not fit into a header",
        )?;
        for name in self.custom_claims.keys() {
            let key = format!("tokens.custom_claims.{name}");
            ensure(
                !is_reserved_claim(name),
                key,
                "is a claim that Portcullis sets itself; choose another name",
            )?;
        }
        check_profile_claims(self)
    }
}
