use std::path::{Path, PathBuf};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    signature::Ed25519KeyPair,
};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};

use super::Claims;
use crate::secret::{SecretError, read_private_file};

/// A private key, its public half, and the `kid` that names both.
pub struct SigningKey {
    /// The RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// The public key as it is published.
    pub jwk: Jwk,
    algorithm: Algorithm,
    private: EncodingKey,
}

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gave no randomness.
    #[error("cannot generate a key: the system gives no randomness")]
    Generate,
    /// The key is damaged or of another kind.
    #[error("the key is not a PKCS#8 Ed25519 private key: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] SecretError),
    /// The file holds something else.
    #[error(
        "{0} must hold a PKCS#8 Ed25519 private key in PEM, as `openssl genpkey -algorithm ed25519` writes it"
    )]
    NotPem(PathBuf),
}

impl SigningKey {
    /// A new Ed25519 key (RFC 8032), as PKCS#8 version 1 DER (RFC 5208).
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Generate)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generate)?;
        Ok(der.as_ref().to_vec())
    }

    /// Reads an Ed25519 key from PKCS#8 DER.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Self::new(EncodingKey::from_ed_der(der))
    }

    /// Reads an Ed25519 key from a PEM file that others cannot read.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub fn from_pem_file(path: &Path) -> Result<Self, KeyError> {
        let pem = read_private_file(path)?;
        let not_pem = |_| KeyError::NotPem(path.to_owned());
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(not_pem)?;
        Self::new(key).map_err(|_| KeyError::NotPem(path.to_owned()))
    }

    fn new(private: EncodingKey) -> Result<Self, KeyError> {
        let algorithm = Algorithm::EdDSA;
        let mut jwk = Jwk::from_encoding_key(&private, algorithm)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { kid, jwk, algorithm, private })
    }

    /// The name of the algorithm (RFC 8037 §3.1).
    #[must_use]
    pub fn algorithm(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// An access token that says this.
    ///
    /// # Errors
    /// When the claims are no JSON object or the key does not sign.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let mut header = Header::new(self.algorithm);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        Ok(encode(&header, claims, &self.private)?)
    }
}
