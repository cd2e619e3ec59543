use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Header, Validation, decode, decode_header};
use moka::sync::Cache;

use super::{Claims, TokenError, VerificationKeys};
use crate::clock::Clock;

/// The maximum size of a token that is verified, bytes. The server issues no larger one.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The maximum number of verified tokens in the cache. Verifying an Ed25519 signature takes 70 µs, a cache hit 1 µs.
const CACHE_CAPACITY: u64 = 50_000;

/// Idle time after which a verified token leaves the cache: after a refresh the client never sends the old one again.
const CACHE_TIME_TO_IDLE: Duration = Duration::from_mins(2);

/// The claims that a valid token must have, and its maximum lifetime.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// The `iss` claim. `None` accepts any issuer, which is sufficient if all keys are the server's own.
    pub issuer: Option<String>,
    /// The `aud` claim.
    pub audience: String,
    /// The maximum time by which another replica's clock may be ahead. It never extends the lifetime of a token.
    pub clock_skew: Duration,
    /// The maximum lifetime of a token, whatever its `exp` claim says. Revocations are deleted after this time, so an
    /// older token must not be accepted.
    pub max_lifetime: Duration,
}

/// Verifies access tokens by signature, claims and time. It reads no database; the revocation list has the tokens that
/// were revoked after they were issued.
pub struct Verifier {
    issuer_and_audience: Validation,
    clock_skew_seconds: i64,
    max_lifetime_seconds: i64,
    clock: Clock,
    keys: RwLock<Arc<VerificationKeys>>,
    verified: Cache<[u8; 32], Arc<Claims>>,
}

impl Verifier {
    /// Creates a verifier with these keys.
    #[must_use]
    pub fn new(config: &VerifierConfig, keys: VerificationKeys, clock: Clock) -> Self {
        let mut validation = Validation::default();
        if let Some(issuer) = &config.issuer {
            validation.set_issuer(&[issuer]);
        }
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // `check_times` compares the times with our own clock.
        validation.validate_exp = false;
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self {
            issuer_and_audience: validation,
            clock_skew_seconds: seconds(config.clock_skew),
            max_lifetime_seconds: seconds(config.max_lifetime),
            clock,
            keys: RwLock::new(Arc::new(keys)),
            verified: Cache::builder()
                .max_capacity(CACHE_CAPACITY)
                .time_to_live(config.max_lifetime)
                .time_to_idle(CACHE_TIME_TO_IDLE)
                .build(),
        }
    }

    /// Replaces the keys. If they differ, the cache is cleared, so that all tokens are verified again.
    pub fn replace_keys(&self, keys: VerificationKeys) {
        if self.keys().same_as(&keys) {
            return;
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.verified.invalidate_all();
    }

    /// Verifies an access token and returns its claims.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::Expired`], [`TokenError::Invalid`], or [`TokenError::Revoked`] if
    /// its key was revoked.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(claims) = self.verified.get(&fingerprint) {
            return self.check_times(&claims).map(|()| claims);
        }
        let keys = self.keys();
        let claims = Arc::new(self.verify_signature(token, &keys)?);
        self.check_times(&claims)?;
        self.verified.insert(fingerprint, Arc::clone(&claims));
        if !Arc::ptr_eq(&keys, &self.keys()) {
            // The keys were replaced meanwhile, and the cache was cleared before this insertion.
            self.verified.invalidate(&fingerprint);
        }
        Ok(claims)
    }

    /// Checks the claims of a verified token again: the state of its key and its times. The check neither hashes the
    /// token nor verifies its signature, because a `kid` identifies the key.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub(crate) fn check_again(&self, claims: &Claims) -> Result<(), TokenError> {
        self.keys().active(&claims.kid)?;
        self.check_times(claims)
    }

    /// Verifies the signature of an access token but not its times, and returns the claims. Only for ending the
    /// session of an expired token.
    #[must_use]
    pub fn verify_ignoring_expiry(&self, token: &str) -> Option<Claims> {
        let is_short = token.len() <= MAX_TOKEN_BYTES;
        is_short.then(|| self.verify_signature(token, &self.keys()).ok()).flatten()
    }

    fn keys(&self) -> Arc<VerificationKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn verify_signature(&self, token: &str, keys: &VerificationKeys) -> Result<Claims, TokenError> {
        if !is_compact_jws(token) {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        if !is_plain_access_token(&header) {
            return Err(TokenError::Invalid);
        }
        let kid = header.kid.ok_or(TokenError::Invalid)?;
        let (algorithm, key) = keys.active(&kid)?;
        let validation = Validation { algorithms: vec![algorithm], ..self.issuer_and_audience.clone() };
        let token = decode::<Claims>(token, key, &validation).map_err(|_| TokenError::Invalid)?;
        Ok(Claims { kid, ..token.claims })
    }

    fn check_times(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = self.clock.now().timestamp();
        if claims.exp <= now || claims.iat.saturating_add(self.max_lifetime_seconds) < now {
            return Err(TokenError::Expired);
        }
        let latest = now + self.clock_skew_seconds;
        let not_before = claims.custom.get("nbf").map_or(Some(claims.iat), serde_json::Value::as_i64);
        let begun = not_before.is_some_and(|nbf| nbf <= latest);
        if claims.iat <= latest && begun { Ok(()) } else { Err(TokenError::Invalid) }
    }
}

/// Whether the text is three base64url parts, separated by dots (JWS compact serialisation, RFC 7515 §7.1).
fn is_compact_jws(token: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    token.split('.').count() == 3 && token.split('.').all(is_part)
}

/// Whether the header has the type of an access token (RFC 9068 §2.1), contains no key, and requires no extension
/// (`crit`, RFC 7515 §4.1.11).
fn is_plain_access_token(header: &Header) -> bool {
    let is_access_token = header.typ.as_deref().is_some_and(|typ| {
        typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
    });
    let contains_a_key =
        header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some();
    is_access_token && !contains_a_key && header.crit.is_none()
}
