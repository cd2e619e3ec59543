use std::{collections::HashMap, mem::discriminant};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};

/// The keys whose tokens are known, by their `kid`.
#[derive(Clone, Default)]
pub struct VerificationKeys(HashMap<String, VerificationKey>);

/// What is known of a key.
#[derive(Clone)]
pub(super) enum VerificationKey {
    /// It verifies tokens of this algorithm, and of no other.
    Active(Algorithm, DecodingKey),
    /// Its last token has expired.
    Expired,
    /// It was withdrawn with all its tokens.
    Revoked,
}

/// A published key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwkError {
    /// The key has no `kid`.
    #[error("a published key has no kid")]
    NoKid,
    /// The key has no `alg`, or one that we do not verify.
    #[error("the published key {0} has no algorithm that we know")]
    NoAlgorithm(String),
    /// What verifies would sign as well, so it cannot have been published.
    #[error("the published key {0} is a shared secret")]
    Symmetric(String),
    /// The key itself is wrong.
    #[error("the published key is not valid: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
}

impl VerificationKeys {
    /// Reads a published key set (RFC 7517 §5).
    ///
    /// # Errors
    /// When a key has no `kid`, no `alg`, is not valid, or is a shared secret.
    pub fn from_jwks(set: &JwkSet) -> Result<Self, JwkError> {
        let mut keys = Self::default();
        for jwk in &set.keys {
            if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
                return Err(JwkError::Symmetric(jwk.common.key_id.clone().unwrap_or_default()));
            }
            keys.add(jwk)?;
        }
        Ok(keys)
    }

    /// Adds the secret of HS256 that a resource server shares with Portcullis.
    #[must_use]
    pub fn with_shared_secret(mut self, secret: &[u8]) -> Self {
        let key = VerificationKey::Active(Algorithm::HS256, DecodingKey::from_secret(secret));
        self.0.insert(kid_of_secret(secret), key);
        self
    }

    /// Adds a key that verifies.
    pub(super) fn add(&mut self, jwk: &Jwk) -> Result<(), JwkError> {
        let kid = jwk.common.key_id.clone().ok_or(JwkError::NoKid)?;
        let algorithm = jwk.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
        let algorithm = algorithm.ok_or_else(|| JwkError::NoAlgorithm(kid.clone()))?;
        self.0.insert(kid, VerificationKey::Active(algorithm, DecodingKey::from_jwk(jwk)?));
        Ok(())
    }

    /// Notes that the last token of a key has expired, so that its bearer is told to refresh it.
    pub fn mark_expired(&mut self, kid: String) {
        self.0.insert(kid, VerificationKey::Expired);
    }

    /// Notes that a key was withdrawn with all its tokens.
    pub fn revoke(&mut self, kid: String) {
        self.0.insert(kid, VerificationKey::Revoked);
    }

    pub(super) fn get(&self, kid: &str) -> Option<&VerificationKey> {
        self.0.get(kid)
    }

    /// Whether both know the same of the same keys: a `kid` is one key's alone.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same = |(kid, known): (&String, &VerificationKey)| {
            other.get(kid).is_some_and(|other| discriminant(other) == discriminant(known))
        };
        self.0.len() == other.0.len() && self.0.iter().all(same)
    }
}

/// Names a secret without telling it. A thumbprint could be guessed at by anybody who reads a token; so can
/// the token's own signature, and this is no easier.
pub(super) fn kid_of_secret(secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"portcullis kid v1"))
}
