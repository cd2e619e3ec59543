use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Header, Validation, decode, decode_header};
use moka::sync::Cache;

use super::{Claims, TokenError, VerificationKeys, verification_keys::VerificationKey};
use crate::clock::Clock;

/// The longest token that is looked at, in bytes. The server issues none that is longer.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How many verified tokens are remembered. Verifying an Ed25519 signature costs 70 µs, a look-up one.
const CACHE_CAPACITY: u64 = 50_000;

/// How long one is remembered that is not used: who refreshes has another, and leaves it for good.
const CACHE_TIME_TO_IDLE: Duration = Duration::from_mins(2);

/// What a token must say to be meant for us.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// The `iss` claim. `None` takes any issuer whose key is known: enough where the keys are the server's own.
    pub issuer: Option<String>,
    /// The `aud` claim.
    pub audience: String,
    /// How far ahead of ours the clock of another replica may be. It never prolongs a token's life.
    pub clock_skew: Duration,
    /// The longest that a token may live, whatever it says itself: who forgets revocations after this time
    /// must not believe an older token.
    pub max_lifetime: Duration,
}

/// Tells whether an access token is to be believed. It reads no database; whether the token has been
/// revoked since is the revocation list's to say.
pub struct Verifier {
    issuer_and_audience: Validation,
    clock_skew_seconds: i64,
    max_lifetime_seconds: i64,
    clock: Clock,
    keys: RwLock<Arc<VerificationKeys>>,
    verified: Cache<[u8; 32], Arc<Claims>>,
}

impl Verifier {
    /// A verifier that knows these keys.
    #[must_use]
    pub fn new(config: &VerifierConfig, keys: VerificationKeys, clock: Clock) -> Self {
        let mut validation = Validation::default();
        if let Some(issuer) = &config.issuer {
            validation.set_issuer(&[issuer]);
        }
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Times are compared below, by our clock.
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

    /// Puts other keys in place. What the former ones have signed is verified anew.
    pub fn replace_keys(&self, keys: VerificationKeys) {
        if self.keys().same_as(&keys) {
            return;
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.verified.invalidate_all();
    }

    /// The claims of an access token.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::Expired`], [`TokenError::Invalid`], or [`TokenError::Revoked`] with
    /// its key.
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
            // The keys were replaced meanwhile, and what they had signed was forgotten before this.
            self.verified.invalidate(&fingerprint);
        }
        Ok(claims)
    }

    /// The claims of an access token of ours that need not count any more. For ending its session, and nothing
    /// else.
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
        let (algorithm, key) = match header.kid.as_ref().and_then(|kid| keys.get(kid)) {
            Some(VerificationKey::Active(algorithm, key)) => (algorithm, key),
            Some(VerificationKey::Expired) => return Err(TokenError::Expired),
            Some(VerificationKey::Revoked) => return Err(TokenError::Revoked),
            None => return Err(TokenError::Invalid),
        };
        let validation = Validation { algorithms: vec![*algorithm], ..self.issuer_and_audience.clone() };
        decode(token, key, &validation).map(|token| token.claims).map_err(|_| TokenError::Invalid)
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

/// Three parts in the alphabet of base64url (RFC 7515 §7.1).
fn is_compact_jws(token: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    token.split('.').count() == 3 && token.split('.').all(is_part)
}

/// An access token of ours says so, and carries neither a key nor anything that we must understand.
fn is_plain_access_token(header: &Header) -> bool {
    let is_access_token = header.typ.as_deref().is_some_and(|typ| {
        typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
    });
    let brings_a_key =
        header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some();
    is_access_token && !brings_a_key && header.crit.is_none()
}
