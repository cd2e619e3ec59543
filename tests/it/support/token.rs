use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, Pkcs8V1Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// Bytes as tokens and keys write them.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The header and the claims of a token, whoever signed it.
pub(crate) fn decode(token: &str) -> (Value, Value) {
    let part = |at| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(at).expect("three parts"));
        serde_json::from_slice(&bytes.expect("base64url")).expect("JSON")
    };
    (part(0), part(1))
}

/// Signs what the server would never sign, with the server's own key.
pub(crate) struct Forge(Ed25519KeyPair);

impl Forge {
    pub(crate) fn new() -> Self {
        Self(Ed25519KeyPair::generate().expect("randomness"))
    }

    /// The private key as PKCS#8 DER.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().expect("a key");
        der.as_ref().to_vec()
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A token of these parts.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&unsigned(header, claims))
    }

    /// Whatever this is, and a signature of it.
    pub(crate) fn sign_text(&self, signed: &str) -> String {
        let signature = base64url(self.0.sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }
}

/// The parts of a token that a signature covers.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Writes a private key as PEM (RFC 7468 §10) with these permission bits.
pub(crate) fn write_pem(path: &Path, der: &[u8], mode: u32) {
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der));
    fs::write(path, pem).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}
