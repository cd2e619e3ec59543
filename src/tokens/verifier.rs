use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Header, Validation, decode, decode_header};
use moka::sync::Cache;

use super::{
    ClaimNames, Claims, TokenError, TokenFormat, VerificationKeys, VerifierConfig, WhenUnavailable,
    header::{has_type, is_compact_jws, names_a_key},
    payload::Payload,
    status_lists::{StatusLists, TokenStatus},
};
use crate::clock::{Clock, Timestamp};

/// The `typ` header of an access token (RFC 9068 §2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The maximum size of a token that is verified, bytes. The server issues no larger one.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The maximum number of verified tokens in the cache. Verifying an Ed25519 signature takes 70 µs, a cache hit 1 µs.
const CACHE_CAPACITY: u64 = 50_000;

/// Idle time after which a verified token leaves the cache: after a refresh the client never sends the old one again.
const CACHE_TIME_TO_IDLE: Duration = Duration::from_mins(2);

/// A document that the issuer publishes, and that verification needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IssuerDocument {
    /// The key set.
    Keys,
    /// The status list with this URL.
    StatusList(String),
}

/// The result of a verification with what memory holds.
pub(crate) struct Verification {
    /// The claims, or the reason why the token is rejected.
    pub(crate) outcome: Result<Arc<Claims>, TokenError>,
    /// The document that may change the outcome when it is fetched.
    pub(crate) lacks: Option<IssuerDocument>,
}

impl Verification {
    const fn decided(outcome: Result<Arc<Claims>, TokenError>) -> Self {
        Self { outcome, lacks: None }
    }
}

/// The reason why a signature is not verified.
enum SignatureError {
    UnknownKey,
    Token(TokenError),
}

impl From<TokenError> for SignatureError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

/// Verifies access tokens by signature, claims and time. It reads memory only; the revocation list has the tokens that
/// were revoked after they were issued.
pub struct Verifier {
    pub(super) issuer_and_audience: Validation,
    pub(super) clock_skew_seconds: i64,
    max_lifetime_seconds: i64,
    format: TokenFormat,
    pub(super) clock: Clock,
    keys: RwLock<Arc<VerificationKeys>>,
    /// The time until which the keys are used, seconds since the Unix epoch.
    keys_usable_until: AtomicI64,
    verified: Cache<[u8; 32], Arc<Claims>>,
    /// `None` if the status of tokens is not checked.
    pub(super) status_lists: Option<StatusLists>,
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
            format: config.format.clone(),
            clock,
            keys: RwLock::new(Arc::new(keys)),
            keys_usable_until: AtomicI64::new(i64::MAX),
            verified: Cache::builder()
                .max_capacity(CACHE_CAPACITY)
                .time_to_live(config.max_lifetime)
                .time_to_idle(CACHE_TIME_TO_IDLE)
                .build(),
            status_lists: None,
        }
    }

    /// Checks the status of tokens that name a status list. The lists are those of [`Verifier::store_status_list`].
    #[must_use]
    pub fn checking_status(mut self, when_unavailable: WhenUnavailable) -> Self {
        self.status_lists = Some(StatusLists::new(when_unavailable));
        self
    }

    /// Replaces the keys. If they differ, the cache is cleared, so that all tokens are verified again.
    pub fn replace_keys(&self, keys: VerificationKeys) {
        if !self.keys().same_as(&keys) {
            self.set_keys(keys);
        }
    }

    /// Replaces the keys, even if others have the same `kid`, and clears the cache.
    pub(crate) fn set_keys(&self, keys: VerificationKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.verified.invalidate_all();
    }

    /// Sets the time until which the keys are used. Afterwards all tokens are [`TokenError::Unverifiable`].
    pub(crate) fn use_keys_until(&self, time: Timestamp) {
        self.keys_usable_until.store(time.timestamp(), Ordering::Relaxed);
    }

    /// Verifies an access token and returns its claims.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], [`TokenError::Expired`], [`TokenError::Invalid`], [`TokenError::Revoked`] if its key
    /// was revoked, or [`TokenError::Unverifiable`].
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        self.verify_in_memory(token).outcome
    }

    /// Verifies an access token with what memory holds, and says which document is missing.
    pub(crate) fn verify_in_memory(&self, token: &str) -> Verification {
        if token.len() > MAX_TOKEN_BYTES {
            return Verification::decided(Err(TokenError::Malformed));
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(claims) = self.verified.get(&fingerprint) {
            return self.check_claims(claims);
        }
        let keys = self.keys();
        let claims = match self.verify_signature(token, &keys) {
            Ok(claims) => Arc::new(claims),
            Err(SignatureError::Token(error)) => return Verification::decided(Err(error)),
            Err(SignatureError::UnknownKey) => {
                let lacks = Some(IssuerDocument::Keys);
                let error =
                    if self.are_keys_usable() { TokenError::Invalid } else { TokenError::Unverifiable };
                return Verification { outcome: Err(error), lacks };
            }
        };
        if let Err(error) = self.check_times(&claims) {
            return Verification::decided(Err(error));
        }
        self.verified.insert(fingerprint, Arc::clone(&claims));
        if !Arc::ptr_eq(&keys, &self.keys()) {
            // The keys were replaced meanwhile, and the cache was cleared before this insertion.
            self.verified.invalidate(&fingerprint);
        }
        self.check_claims(claims)
    }

    /// Checks the claims of a verified token again: the state of its key, its times, and its status. The check
    /// neither hashes the token nor verifies its signature, because a `kid` identifies the key. An opaque token has
    /// no signature, and only its expiry is checked.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub(crate) fn check_again(&self, claims: &Claims) -> Result<(), TokenError> {
        if claims.is_opaque {
            return if claims.exp <= self.clock.now().timestamp() {
                Err(TokenError::Expired)
            } else {
                Ok(())
            };
        }
        self.keys().active(&claims.kid)?;
        self.check_times(claims)?;
        if !self.are_keys_usable() {
            return Err(TokenError::Unverifiable);
        }
        self.status_lists.as_ref().map_or(Ok(()), |lists| lists.status(claims, self.clock.now()).outcome)
    }

    /// Whether the login (`auth_time`) was at most `max_age` ago. A login in the future, beyond the clock skew, is not:
    /// it would otherwise stay recent until then.
    pub(crate) fn is_login_within(&self, claims: &Claims, max_age: Duration) -> bool {
        // A token that does not say when its user signed in could be of any age.
        let Some(auth_time) = claims.auth_time else { return false };
        let age = self.clock.now().timestamp().saturating_sub(auth_time);
        let max_age = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
        (-self.clock_skew_seconds..=max_age).contains(&age)
    }

    /// Verifies the signature of an access token but not its times, and returns the claims. Only for ending the
    /// session of an expired token.
    #[must_use]
    pub fn verify_ignoring_expiry(&self, token: &str) -> Option<Claims> {
        let is_short = token.len() <= MAX_TOKEN_BYTES;
        is_short.then(|| self.verify_signature(token, &self.keys()).ok()).flatten()
    }

    pub(super) fn keys(&self) -> Arc<VerificationKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn are_keys_usable(&self) -> bool {
        let until = self.keys_usable_until.load(Ordering::Relaxed);
        until == i64::MAX || self.clock.now().timestamp() < until
    }

    /// Checks the times, the age of the keys, and the status of a token whose signature is valid.
    fn check_claims(&self, claims: Arc<Claims>) -> Verification {
        if let Err(error) = self.check_times(&claims) {
            return Verification::decided(Err(error));
        }
        if !self.are_keys_usable() {
            let lacks = Some(IssuerDocument::Keys);
            return Verification { outcome: Err(TokenError::Unverifiable), lacks };
        }
        let Some(lists) = &self.status_lists else { return Verification::decided(Ok(claims)) };
        let TokenStatus { outcome, lacks_list } = lists.status(&claims, self.clock.now());
        let url = claims.status.as_ref().filter(|_| lacks_list).map(|status| status.status_list.uri.clone());
        Verification { outcome: outcome.map(|()| claims), lacks: url.map(IssuerDocument::StatusList) }
    }

    fn verify_signature(&self, token: &str, keys: &VerificationKeys) -> Result<Claims, SignatureError> {
        if !is_compact_jws(token) {
            return Err(TokenError::Malformed.into());
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid)?;
        if !self.accepts_type(&header) || names_a_key(&header) {
            return Err(TokenError::Invalid.into());
        }
        let kid = header.kid.unwrap_or_default();
        if !kid.is_empty() && !keys.contains(&kid) {
            return Err(SignatureError::UnknownKey);
        }
        let (algorithm, key) = keys.active(&kid)?;
        let validation = Validation { algorithms: vec![algorithm], ..self.issuer_and_audience.clone() };
        let payload = decode::<Payload>(token, key, &validation).map_err(|_| TokenError::Invalid)?.claims;
        let claims = match &self.format {
            TokenFormat::Portcullis if payload.is_of_portcullis() => payload
                .into_claims(kid, &ClaimNames::default())
                .ok()
                .filter(|claims| claims.account.is_some()),
            TokenFormat::Portcullis => None,
            TokenFormat::AnyProvider { names, .. } => payload.into_claims(kid, names).ok(),
        };
        Ok(claims.ok_or(TokenError::Invalid)?)
    }

    /// Whether the header has the type of an access token (RFC 9068 §2.1), or another type that is accepted.
    fn accepts_type(&self, header: &Header) -> bool {
        let is_plain_jwt = || header.typ.is_none() || has_type(header, "JWT");
        match self.format {
            TokenFormat::AnyProvider { accept_jwt_type: true, .. } => {
                has_type(header, ACCESS_TOKEN_TYPE) || is_plain_jwt()
            }
            _ => has_type(header, ACCESS_TOKEN_TYPE),
        }
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
