use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};

use super::{
    Rejection,
    cbor::{self, Map},
};

/// The identifiers of the supported algorithms, the preferred one first (IANA COSE Algorithms): Ed25519, ECDSA with
/// P-256 and SHA-256, and RSA (PKCS #1 v1.5) with SHA-256, which Windows Hello needs.
pub const ALGORITHMS: [i64; 3] = [EDDSA, ES256, RS256];

const EDDSA: i64 = -8;
const ES256: i64 = -7;
const RS256: i64 = -257;

/// The labels of a COSE key (RFC 9052 §7.1, RFC 9053 §7, RFC 8230 §4).
const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const CURVE_OR_MODULUS: i64 = -1;
const X_OR_EXPONENT: i64 = -2;
const Y: i64 = -3;

const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const CURVE_ED25519: i64 = 6;

/// The sizes of an RSA modulus, bytes.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

/// A key on the curve P-256, which belongs to nobody. It is the generator of the group.
const DUMMY_POINT: [u8; 65] =
    *b"\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\
    \xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\
    \x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

const MALFORMED: Rejection = Rejection("the public key is malformed, or its algorithm is not supported");

/// The public key of a passkey.
#[derive(Debug)]
pub struct PublicKey {
    /// The identifier of its algorithm.
    pub(super) algorithm: i64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A key that aws-lc-rs has checked.
    Parsed(ParsedPublicKey),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl PublicKey {
    /// Parses a stored key.
    ///
    /// # Errors
    /// [`Rejection`] unless it is one key of a supported algorithm.
    pub fn parse(mut cose: &[u8]) -> Result<Self, Rejection> {
        let map = cbor::read_map(&mut cose)?;
        if cose.is_empty() { Self::from_map(&map) } else { Err(MALFORMED) }
    }

    /// Reads the parameters of a COSE key.
    pub(super) fn from_map(map: &Map) -> Result<Self, Rejection> {
        let kind = |label| map.integer(label).ok_or(MALFORMED);
        let parameter = |label| map.bytes(label).ok_or(MALFORMED);
        let first = || kind(CURVE_OR_MODULUS);
        match (kind(KEY_TYPE)?, kind(ALGORITHM)?) {
            (OKP, EDDSA) if first()? == CURVE_ED25519 => {
                let key = ParsedPublicKey::new(&ED25519, parameter(X_OR_EXPONENT)?);
                Ok(Self { algorithm: EDDSA, kind: Kind::Parsed(key.map_err(|_| MALFORMED)?) })
            }
            (EC2, ES256) if first()? == P256 => {
                let (x, y) = (parameter(X_OR_EXPONENT)?, parameter(Y)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(MALFORMED);
                }
                Self::on_p256(&[&[4], x, y].concat())
            }
            (RSA, RS256) => {
                let (n, e) = (parameter(CURVE_OR_MODULUS)?, parameter(X_OR_EXPONENT)?);
                let is_minimal = |number: &[u8]| number.first().is_some_and(|byte| *byte != 0);
                if !MODULUS_BYTES.contains(&n.len()) || e.len() > 4 || !is_minimal(n) || !is_minimal(e) {
                    return Err(MALFORMED);
                }
                let key = RsaPublicKeyComponents { n: n.to_vec(), e: e.to_vec() };
                Ok(Self { algorithm: RS256, kind: Kind::Rsa(key) })
            }
            _ => Err(MALFORMED),
        }
    }

    /// A key that belongs to nobody. A signature for an unknown passkey is verified with it, so that the time does not
    /// reveal whether the passkey exists.
    ///
    /// # Errors
    /// Never, because the key is a point of the curve.
    pub fn dummy() -> Result<Self, Rejection> {
        Self::on_p256(&DUMMY_POINT)
    }

    fn on_p256(point: &[u8]) -> Result<Self, Rejection> {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        Ok(Self { algorithm: ES256, kind: Kind::Parsed(key.map_err(|_| MALFORMED)?) })
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`Rejection`] if it is not by this key.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Rejection> {
        let verified = match &self.kind {
            Kind::Parsed(key) => key.verify_sig(message, signature),
            Kind::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        };
        verified.map_err(|_| Rejection("the signature is wrong"))
    }
}
