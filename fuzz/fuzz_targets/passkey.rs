//! Responses of authenticators. What is not signed by the passkey signs nobody in, and what is read as a new passkey has
//! a key that can be read again.
//!
//! The input is a JSON response, or else the attestation object and the authenticator data in one that is well-formed.

#![no_main]

use std::sync::LazyLock;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use libfuzzer_sys::fuzz_target;
use portcullis::passkeys::webauthn::{
    AuthenticationResponse, PublicKey, RegistrationResponse, RelyingParty, verify_authentication,
    verify_registration,
};
use serde_json::{Value, json};

const CHALLENGE: [u8; 32] = [7; 32];

static RELYING_PARTY: LazyLock<RelyingParty> = LazyLock::new(|| RelyingParty {
    id: "localhost".to_owned(),
    origins: vec!["http://localhost:4000".to_owned()],
});

fuzz_target!(|data: &[u8]| {
    if let Ok(json) = serde_json::from_slice(data) {
        check(&json);
    }
    let encoded = BASE64_URL_SAFE_NO_PAD.encode(data);
    check(&response(json!({ "clientDataJSON": client_data("webauthn.create"), "attestationObject": encoded })));
    check(&response(json!({
        "clientDataJSON": client_data("webauthn.get"),
        "authenticatorData": encoded,
        "signature": encoded,
    })));
    PublicKey::parse(data).ok();
});

fn check(json: &Value) {
    if let Ok(response) = RegistrationResponse::parse(json)
        && let Ok(created) = verify_registration(&RELYING_PARTY, &CHALLENGE, &response)
    {
        assert!(PublicKey::parse(&created.public_key).is_ok());
        assert_eq!(created.id, response.id);
    }
    if let Ok(response) = AuthenticationResponse::parse(json) {
        let key = PublicKey::dummy().expect("a point of the curve");
        assert!(verify_authentication(&RELYING_PARTY, &CHALLENGE, &key, &response).is_err());
    }
}

fn response(response: Value) -> Value {
    json!({ "id": "AQ", "rawId": "AQ", "type": "public-key", "response": response })
}

fn client_data(kind: &str) -> String {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(CHALLENGE);
    let data = json!({ "type": kind, "challenge": challenge, "origin": RELYING_PARTY.origins[0] });
    BASE64_URL_SAFE_NO_PAD.encode(data.to_string())
}
