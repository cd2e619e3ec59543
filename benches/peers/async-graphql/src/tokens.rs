use std::error::Error;

use aws_lc_rs::{
    rand,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::accounts::Account;

const ISSUER: &str = "http://127.0.0.1";
const AUDIENCE: &str = "benchmark";
const KEY_ID: &str = "key";

/// The lifetime of an access token, seconds.
const ACCESS_SECONDS: u64 = 3600;

/// The lifetime of a refresh token, seconds.
const REFRESH_SECONDS: u64 = 7 * 24 * 3600;

/// The claims of both kinds of tokens. An access token has roles.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    pub(crate) sub: String,
    sid: String,
    jti: String,
    pub(crate) username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) roles: Option<Vec<String>>,
    iat: u64,
    exp: u64,
}

/// The key, and what signs and verifies with it.
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: Vec<u8>,
    validation: Validation,
}

impl Tokens {
    /// Generates an Ed25519 key.
    pub(crate) fn generate() -> Result<Self, Box<dyn Error>> {
        let pair = Ed25519KeyPair::generate()?;
        let public = pair.public_key().as_ref().to_vec();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        Ok(Self {
            encoding: EncodingKey::from_ed_der(pair.to_pkcs8()?.as_ref()),
            decoding: DecodingKey::from_ed_der(&public),
            public,
            validation,
        })
    }

    /// Signs an access token and a refresh token. The session of `previous` continues.
    pub(crate) fn issue(
        &self,
        account: &Account,
        previous: Option<&Claims>,
    ) -> jsonwebtoken::errors::Result<(String, String)> {
        let now = get_current_timestamp();
        let refresh = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: account.id.clone(),
            sid: previous.map_or_else(random_id, |claims| claims.sid.clone()),
            jti: random_id(),
            username: account.username.clone(),
            roles: None,
            iat: now,
            exp: now + REFRESH_SECONDS,
        };
        let access =
            Claims { roles: Some(account.roles.clone()), exp: now + ACCESS_SECONDS, ..refresh.clone() };
        Ok((self.sign(&access, "at+jwt")?, self.sign(&refresh, "rt+jwt")?))
    }

    fn sign(&self, claims: &Claims, kind: &str) -> jsonwebtoken::errors::Result<String> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(KEY_ID.to_owned());
        header.typ = Some(kind.to_owned());
        encode(&header, claims, &self.encoding)
    }

    pub(crate) fn verify_access(&self, token: &str) -> Option<Claims> {
        self.verify(token).filter(|claims| claims.roles.is_some())
    }

    pub(crate) fn verify_refresh(&self, token: &str) -> Option<Claims> {
        self.verify(token).filter(|claims| claims.roles.is_none())
    }

    fn verify(&self, token: &str) -> Option<Claims> {
        Some(decode(token, &self.decoding, &self.validation).ok()?.claims)
    }

    /// The key set (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(&self.public);
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": x }] })
    }
}

/// An identifier of 128 random bits.
fn random_id() -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system provides random bytes");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
