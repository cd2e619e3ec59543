use std::{collections::HashMap, mem::discriminant};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

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
    /// The text is not a key set.
    #[error("the text is not a JSON Web Key Set: {0}")]
    Json(#[from] serde_json::Error),
    /// No key of the set can verify tokens.
    #[error("the key set has no key that verifies tokens")]
    NoKeys,
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

    /// Reads the text of a key set that any provider publishes. It uses the keys with a `kid` that can verify
    /// signatures, and ignores all others, such as keys for encryption and keys of an unknown type. A key without `alg`
    /// verifies one algorithm of its type.
    ///
    /// # Errors
    /// If the text is not a key set, has no usable key, or contains a shared secret.
    pub fn from_provider(text: &[u8]) -> Result<Self, JwkError> {
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<Value>,
        }
        let set: KeySet = serde_json::from_slice(text)?;
        let mut keys = Self::default();
        for jwk in set.keys {
            let Ok(mut jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
            if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
                return Err(JwkError::Symmetric(jwk.common.key_id.unwrap_or_default()));
            }
            let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
            if is_for_signatures && has_kid(&jwk) {
                jwk.common.key_algorithm = jwk.common.key_algorithm.or_else(|| default_algorithm(&jwk));
                if let Err(error) = keys.add(&jwk) {
                    tracing::debug!(%error, "ignored a published key");
                }
            }
        }
        if keys.0.is_empty() { Err(JwkError::NoKeys) } else { Ok(keys) }
    }

    /// Adds the HS256 secret that a resource server shares with the issuer. It verifies the tokens with the `kid` that
    /// Portcullis gives the secret, and tokens without a `kid`, as other issuers write them.
    #[must_use]
    pub fn with_shared_secret(mut self, secret: &[u8]) -> Self {
        let key = VerificationKey::Active(Algorithm::HS256, DecodingKey::from_secret(secret));
        self.0.insert(String::new(), key.clone());
        self.0.insert(kid_of_secret(secret), key);
        self
    }

    /// Adds an active key.
    pub(super) fn add(&mut self, jwk: &Jwk) -> Result<(), JwkError> {
        let kid = jwk.common.key_id.clone().filter(|kid| !kid.is_empty()).ok_or(JwkError::NoKid)?;
        let algorithm = jwk.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
        let algorithm = algorithm
            .filter(|algorithm| verifies(&jwk.algorithm, *algorithm))
            .ok_or_else(|| JwkError::NoAlgorithm(kid.clone()))?;
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

    /// Whether a key, active or not, has this `kid`.
    pub(super) fn contains(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
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

fn has_kid(jwk: &Jwk) -> bool {
    jwk.common.key_id.as_ref().is_some_and(|kid| !kid.is_empty())
}

/// The algorithm of a key that does not name one.
fn default_algorithm(jwk: &Jwk) -> Option<KeyAlgorithm> {
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => Some(KeyAlgorithm::ES256),
            EllipticCurve::P384 => Some(KeyAlgorithm::ES384),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(key) => {
            (key.curve == EllipticCurve::Ed25519).then_some(KeyAlgorithm::EdDSA)
        }
        _ => None,
    }
}

/// Whether a key of this type may verify the algorithm, so that no key set makes a public key verify HMACs
/// (RFC 8725 §3.1).
fn verifies(key: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            matches!(key, AlgorithmParameters::OctetKey(_))
        }
        Algorithm::ES256 | Algorithm::ES384 => matches!(key, AlgorithmParameters::EllipticCurve(_)),
        Algorithm::EdDSA => matches!(key, AlgorithmParameters::OctetKeyPair(_)),
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => matches!(key, AlgorithmParameters::RSA(_)),
        _ => false,
    }
}

/// A `kid` for a shared secret that does not reveal it. Like the token's signature it allows an offline guess of a weak
/// secret, but no easier one.
pub(super) fn kid_of_secret(secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"portcullis kid v1"))
}
