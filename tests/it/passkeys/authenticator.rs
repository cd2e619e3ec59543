use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use ciborium::{Value as Cbor, cbor};
use serde_json::{Value, json};

use crate::support::base64url;

pub(super) const USER_PRESENT: u8 = 1;
pub(super) const USER_VERIFIED: u8 = 1 << 2;
pub(super) const BACKUP_ELIGIBLE: u8 = 1 << 3;
pub(super) const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;

/// A browser and an authenticator with one passkey. A test changes what it lies about.
pub(crate) struct Authenticator {
    key: Key,
    pub(super) credential_id: Vec<u8>,
    pub(super) user_handle: Option<String>,
    pub(super) aaguid: [u8; 16],
    pub(super) flags: u8,
    pub(super) sign_count: u32,
    /// The RP ID for which it signs, and the origin of its page.
    pub(super) rp_id: String,
    pub(super) origin: String,
    /// Members that replace those of the client data.
    pub(super) client_data: Value,
    /// Bytes after the authenticator data.
    pub(super) trailing: Vec<u8>,
    /// The encoded public key that replaces its own.
    pub(super) cose_key: Option<Vec<u8>>,
}

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

pub(super) fn encode(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("it can be encoded");
    bytes
}

impl Authenticator {
    pub(crate) fn es256() -> Self {
        Self::new(Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key")))
    }

    pub(crate) fn eddsa() -> Self {
        Self::new(Key::EdDsa(Ed25519KeyPair::generate().expect("a key")))
    }

    pub(super) fn rs256() -> Self {
        Self::new(Key::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")))
    }

    fn new(key: Key) -> Self {
        let mut credential_id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut credential_id).expect("random bytes");
        Self {
            key,
            credential_id,
            user_handle: None,
            aaguid: [0; 16],
            flags: USER_PRESENT | USER_VERIFIED,
            sign_count: 0,
            rp_id: "id.example.com".to_owned(),
            origin: "https://id.example.com".to_owned(),
            client_data: json!({}),
            trailing: Vec::new(),
            cose_key: None,
        }
    }

    /// Creates the passkey: the response to creation options.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        self.user_handle = options["user"]["id"].as_str().map(ToOwned::to_owned);
        let attestation =
            cbor!({ "fmt" => "none", "attStmt" => {}, "authData" => Cbor::Bytes(self.attested_data()) });
        self.created(options, &attestation.expect("a map"))
    }

    /// Creates the passkey with an attestation statement: its format, and whether the passkey signs it.
    pub(super) fn create_attested(&mut self, options: &Value, format: &str, is_signed: bool) -> Value {
        self.user_handle = options["user"]["id"].as_str().map(ToOwned::to_owned);
        let data = self.attested_data();
        let client_data = self.collect("webauthn.create", options);
        let message = if is_signed { signed(&data, client_data.as_bytes()) } else { vec![0] };
        let signature = Cbor::Bytes(self.sign(&message));
        let statement = cbor!({ "alg" => self.algorithm(), "sig" => signature }).expect("a map");
        let attestation = cbor!({ "fmt" => format, "attStmt" => statement, "authData" => Cbor::Bytes(data) });
        self.created(options, &attestation.expect("a map"))
    }

    /// The response with an attestation object.
    pub(super) fn created(&self, options: &Value, attestation: &Cbor) -> Value {
        let client_data = self.collect("webauthn.create", options);
        let id = base64url(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "clientDataJSON": base64url(client_data.as_bytes()),
                "attestationObject": base64url(&encode(attestation)),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// Uses the passkey: the response to request options.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        if self.sign_count > 0 {
            self.sign_count += 1;
        }
        let data = self.data(0);
        let client_data = self.collect("webauthn.get", options);
        let id = base64url(&self.credential_id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(client_data.as_bytes()),
                "authenticatorData": base64url(&data),
                "signature": base64url(&self.sign(&signed(&data, client_data.as_bytes()))),
                "userHandle": self.user_handle,
            },
        })
    }

    /// Authenticator data with the new credential.
    pub(super) fn attested_data(&self) -> Vec<u8> {
        let mut data = self.data(ATTESTED);
        data.truncate(37);
        data.extend_from_slice(&self.aaguid);
        let length = u16::try_from(self.credential_id.len()).expect("it is short");
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(&self.credential_id);
        data.extend_from_slice(&self.cose_key.clone().unwrap_or_else(|| encode(&self.public_key())));
        data.extend_from_slice(&self.trailing);
        data
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(self.flags | flags);
        data.extend_from_slice(&self.sign_count.to_be_bytes());
        data.extend_from_slice(&self.trailing);
        data
    }

    fn collect(&self, kind: &str, options: &Value) -> String {
        let mut data = json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
        });
        for (name, value) in self.client_data.as_object().expect("members") {
            data[name] = value.clone();
        }
        data.to_string()
    }

    fn algorithm(&self) -> i32 {
        match self.key {
            Key::Es256(_) => -7,
            Key::EdDsa(_) => -8,
            Key::Rs256(_) => -257,
        }
    }

    pub(super) fn public_key(&self) -> Cbor {
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        let key = match &self.key {
            Key::Es256(key) => {
                let point = key.public_key().as_ref();
                cbor!({ 1 => 2, 3 => -7, -1 => 1, -2 => bytes(&point[1..33]), -3 => bytes(&point[33..]) })
            }
            Key::EdDsa(key) => {
                cbor!({ 1 => 1, 3 => -8, -1 => 6, -2 => bytes(key.public_key().as_ref()) })
            }
            Key::Rs256(key) => {
                // A sequence of the modulus, with a zero before its 256 bytes, and of the exponent (RFC 8017 §A.1.1).
                let der = key.public_key().as_ref();
                cbor!({ 1 => 3, 3 => -257, -1 => bytes(&der[9..265]), -2 => bytes(&der[267..]) })
            }
        };
        key.expect("a map")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => {
                key.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
            }
            Key::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Key::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .expect("a signature");
                signature
            }
        }
    }
}

fn signed(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [data, digest(&SHA256, client_data).as_ref()].concat()
}
