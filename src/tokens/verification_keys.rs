use std::{collections::HashMap, mem::discriminant};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};

use super::TokenError;

/// The keys that verify tokens, by `kid`, and the keys that no longer do.
#[derive(Clone, Default)]
pub struct VerificationKeys(HashMap<String, VerificationKey>);

/// A key of [`VerificationKeys`].
#[derive(Clone)]
enum VerificationKey {
    /// A key that verifies tokens of this algorithm only.
    Active(Algorithm, DecodingKey),
    /// A key whose last token has expired.
    Expired,
    /// A key that was revoked together with all its tokens.
    Revoked,
}

/// An error of a published key (JWK).
#[derive(Debug, thiserror::Error)]
pub enum JwkError {
    /// The key has no `kid`.
    #[error("a published key has no kid")]
    NoKid,
    /// The key has no `alg`, or an unsupported one.
    #[error("the published key {0} has no supported algorithm")]
    NoAlgorithm(String),
    /// The key is a shared secret, which must never be published because it can sign.
    #[error("the published key {0} is a shared secret")]
    Symmetric(String),
    /// The key is invalid.
    #[error("the published key is not valid: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
}

impl VerificationKeys {
    /// Reads a published key set (RFC 7517 §5).
    ///
    /// # Errors
    /// If a key has no `kid` or no supported `alg`, is invalid, or is a shared secret.
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

    /// Adds the HS256 secret that a resource server shares with Portcullis.
    #[must_use]
    pub fn with_shared_secret(mut self, secret: &[u8]) -> Self {
        let key = VerificationKey::Active(Algorithm::HS256, DecodingKey::from_secret(secret));
        self.0.insert(kid_of_secret(secret), key);
        self
    }

    /// Adds an active key.
    pub(super) fn add(&mut self, jwk: &Jwk) -> Result<(), JwkError> {
        let kid = jwk.common.key_id.clone().ok_or(JwkError::NoKid)?;
        let algorithm = jwk.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
        let algorithm = algorithm.ok_or_else(|| JwkError::NoAlgorithm(kid.clone()))?;
        self.0.insert(kid, VerificationKey::Active(algorithm, DecodingKey::from_jwk(jwk)?));
        Ok(())
    }

    /// Records that the last token of a key has expired. Its tokens are then rejected as expired, not as invalid.
    pub fn mark_expired(&mut self, kid: String) {
        self.0.insert(kid, VerificationKey::Expired);
    }

    /// Records that a key was revoked together with all its tokens.
    pub fn revoke(&mut self, kid: String) {
        self.0.insert(kid, VerificationKey::Revoked);
    }

    /// The active key of this `kid`, and its algorithm.
    ///
    /// # Errors
    /// Why no token of this key is accepted.
    pub(super) fn active(&self, kid: &str) -> Result<(Algorithm, &DecodingKey), TokenError> {
        match self.0.get(kid) {
            Some(VerificationKey::Active(algorithm, key)) => Ok((*algorithm, key)),
            Some(VerificationKey::Expired) => Err(TokenError::Expired),
            Some(VerificationKey::Revoked) => Err(TokenError::Revoked),
            None => Err(TokenError::Invalid),
        }
    }

    /// Whether both contain the same keys in the same states. A `kid` identifies the key.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same = |(kid, known): (&String, &VerificationKey)| {
            other.0.get(kid).is_some_and(|other| discriminant(other) == discriminant(known))
        };
        self.0.len() == other.0.len() && self.0.iter().all(same)
    }
}

/// A `kid` for a shared secret that does not reveal it. Like the token's signature it allows an offline guess of a weak
/// secret, but no easier one.
pub(super) fn kid_of_secret(secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"portcullis kid v1"))
}
