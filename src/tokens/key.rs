use std::path::{Path, PathBuf};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use super::{Claims, StatusListClaims, verification_keys::kid_of_secret};
use crate::{
    config::SigningAlgorithm,
    secret::{PrivateFileError, read_private_file},
};

/// The names of the algorithms (RFC 7518 §3.1, RFC 8037 §3.1), as they are stored with the keys.
const EDDSA: &str = "EdDSA";
const ES256: &str = "ES256";
const RS256: &str = "RS256";
/// The algorithm of a shared secret, which both signs and verifies.
pub(super) const HS256: &str = "HS256";

/// The minimum size of an HS256 secret, bytes: the size of the hash output (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

/// A key pair or shared secret that signs access tokens, with its `kid`.
pub struct SigningKey {
    /// Identifier of the key: the RFC 7638 thumbprint of a public key, or an HMAC with a shared secret.
    pub kid: String,
    /// The verification key: the public key, or for HS256 the secret itself.
    pub jwk: Jwk,
    algorithm: Algorithm,
    private: EncodingKey,
}

/// An error of generating, reading or using a signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system provides no random bytes.
    #[error("cannot generate a key: the system provides no random bytes")]
    Generate,
    /// The key is damaged or does not match its algorithm.
    #[error("the key is damaged or does not match its algorithm: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// The algorithm is not supported.
    #[error("this release does not sign with the algorithm {0}")]
    Algorithm(String),
    /// The key file cannot be read.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file does not contain a supported private key.
    #[error(
        "{0} must contain a private key in PEM format: Ed25519 or P-256 as PKCS#8, as written by `openssl genpkey \
         -algorithm ed25519`, or RSA of 2048 to 8192 bits"
    )]
    NotPem(PathBuf),
    /// The secret is so short that it could be guessed from a token that it signed.
    #[error("the secret has {0} bytes; HS256 needs at least {MIN_SECRET_BYTES} (RFC 7518 §3.2)")]
    ShortSecret(usize),
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Generate
    }
}

impl SigningKey {
    /// Generates a key: Ed25519 (RFC 8032), P-256 or RSA of 2048 bits (RFC 7518 §3.3, §3.4).
    ///
    /// # Errors
    /// If the system provides no random bytes.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Self, KeyError> {
        match algorithm {
            SigningAlgorithm::EdDsa => {
                let der: Pkcs8V1Der<'_> = Ed25519KeyPair::generate()?.as_der()?;
                Self::new(Algorithm::EdDSA, EncodingKey::from_ed_der(der.as_ref()))
            }
            SigningAlgorithm::Es256 => {
                let der =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
                Self::new(Algorithm::ES256, EncodingKey::from_ec_der(der.as_ref()))
            }
            SigningAlgorithm::Rs256 => {
                let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
                // `EncodingKey` needs the PKCS#1 key inside the PKCS#8 document. Only its PEM parser extracts it.
                let base64 = Zeroizing::new(BASE64_STANDARD.encode(der.as_ref()));
                let parts =
                    ["-----BEGIN PRIVATE KEY-----\n", base64.as_str(), "\n-----END PRIVATE KEY-----\n"];
                let pem = Zeroizing::new(parts.concat());
                let key = EncodingKey::from_rsa_pem(pem.as_bytes())?;
                Self::new(Algorithm::RS256, key)
            }
        }
    }

    /// Reads a private key from a PEM file that other users cannot read. The algorithm follows from the type of the
    /// key.
    ///
    /// # Errors
    /// If the file cannot be read, or does not contain a supported private key.
    pub fn from_pem_file(path: &Path) -> Result<Self, KeyError> {
        let pem = read_private_file(path)?;
        let pem = pem.as_bytes();
        let (algorithm, key) = [
            (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
            (Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
            (Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
        ]
        .into_iter()
        .find_map(|(algorithm, key)| Some((algorithm, key.ok()?)))
        .ok_or_else(|| KeyError::NotPem(path.to_owned()))?;
        Self::new(algorithm, key).map_err(|_| KeyError::NotPem(path.to_owned()))
    }

    /// Reads an HS256 secret from a file that other users cannot read, without leading and trailing white space.
    ///
    /// # Errors
    /// If the file cannot be read, or the secret is too short.
    pub fn from_secret_file(path: &Path) -> Result<Self, KeyError> {
        let text = read_private_file(path)?;
        let secret = text.trim().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        Self::new(Algorithm::HS256, EncodingKey::from_secret(secret))
    }

    /// Reads a key from the bytes of [`SigningKey::private_bytes`].
    pub(super) fn from_stored(algorithm: &str, bytes: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, key) = match algorithm {
            EDDSA => (Algorithm::EdDSA, EncodingKey::from_ed_der(bytes)),
            ES256 => (Algorithm::ES256, EncodingKey::from_ec_der(bytes)),
            RS256 => (Algorithm::RS256, EncodingKey::from_rsa_der(bytes)),
            HS256 => (Algorithm::HS256, EncodingKey::from_secret(bytes)),
            other => return Err(KeyError::Algorithm(other.to_owned())),
        };
        Self::new(algorithm, key)
    }

    fn new(algorithm: Algorithm, private: EncodingKey) -> Result<Self, KeyError> {
        let mut jwk = Jwk::from_encoding_key(&private, algorithm)?;
        let kid = match algorithm {
            Algorithm::HS256 => kid_of_secret(private.as_bytes()),
            _ => jwk.thumbprint(ThumbprintHash::SHA256)?,
        };
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { kid, jwk, algorithm, private })
    }

    /// The private key as it is sealed and stored: PKCS#8 DER, PKCS#1 DER for RSA, or the HS256 secret.
    pub(super) fn private_bytes(&self) -> &[u8] {
        self.private.as_bytes()
    }

    /// Whether the verification key differs from the signing key, so that it can be published.
    #[must_use]
    pub fn is_asymmetric(&self) -> bool {
        self.algorithm != Algorithm::HS256
    }

    /// The name of the algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::ES256 => ES256,
            Algorithm::RS256 => RS256,
            Algorithm::HS256 => HS256,
            // `new` is called with no other algorithm.
            _ => EDDSA,
        }
    }

    /// Signs an access token with these claims.
    ///
    /// # Errors
    /// If the claims do not serialise to a JSON object, or signing fails.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        self.sign_as("at+jwt", claims)
    }

    /// Signs a status list token with these claims.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_status_list(&self, claims: &StatusListClaims) -> Result<String, KeyError> {
        self.sign_as(StatusListClaims::TYPE, claims)
    }

    /// Signs a JWT of a type. The type keeps the kinds of tokens apart (RFC 8725 §3.11).
    fn sign_as(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        Ok(encode(&header, claims, &self.private)?)
    }
}
