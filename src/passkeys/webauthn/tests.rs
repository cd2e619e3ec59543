//! The test vectors of the specification (WebAuthn Level 3 §16), whose RP ID is example.org. Some of them were made
//! without a verification of the user, and so must be rejected for that reason alone.

use serde_json::Value as Json;

use super::{
    AuthenticationResponse, PublicKey, RegistrationResponse, Rejection, RelyingParty, sha256,
    verify_authentication, verify_registration,
};

const NOT_VERIFIED: Rejection = Rejection("the authenticator has not verified the user");

fn vectors() -> Json {
    serde_json::from_str(include_str!("vectors.json")).expect("the file is JSON")
}

fn example_org() -> RelyingParty {
    RelyingParty { id: "example.org".to_owned(), origins: vec!["https://example.org".to_owned()] }
}

fn bytes(vector: &Json, name: &str) -> Vec<u8> {
    let digits = vector[name].as_str().expect("a text").as_bytes();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    digits.chunks(2).map(byte).collect()
}

fn authentication(vector: &Json) -> AuthenticationResponse {
    AuthenticationResponse {
        id: vec![1],
        user_handle: None,
        client_data: bytes(vector, "clientDataJSON"),
        authenticator_data: bytes(vector, "authenticatorData"),
        signature: bytes(vector, "signature"),
    }
}

#[test]
fn the_signatures_of_the_specification_are_valid() {
    let (vectors, mut accepted) = (vectors(), 0);
    for vector in vectors["authentications"].as_array().expect("a list") {
        let name = &vector["name"];
        let key = PublicKey::parse(&bytes(vector, "key")).expect("a supported key");
        let mut response = authentication(vector);
        let challenge = bytes(vector, "challenge");
        let verified = verify_authentication(&example_org(), &challenge, &key, &response);
        match response.authenticator_data[32] & 4 {
            0 => assert_eq!(verified, Err(NOT_VERIFIED), "{name}"),
            _ => accepted += usize::from(verified.is_ok()),
        }
        let mut signed = response.authenticator_data.clone();
        signed.extend_from_slice(&sha256(&response.client_data));
        assert_eq!(key.verify(&signed, &response.signature), Ok(()), "{name}");
        for at in [0, signed.len() / 2, signed.len() - 1] {
            signed[at] ^= 1;
            assert!(key.verify(&signed, &response.signature).is_err(), "{name}");
            signed[at] ^= 1;
        }
        for at in 0..response.signature.len() {
            response.signature[at] ^= 1;
            assert!(key.verify(&signed, &response.signature).is_err(), "{name} {at}");
            response.signature[at] ^= 1;
        }
    }
    assert_eq!(accepted, 2);
}

#[test]
fn the_self_attestation_of_the_specification_is_valid() {
    let vector = &vectors()["registration"];
    let challenge = bytes(vector, "challenge");
    let mut response = RegistrationResponse {
        id: bytes(vector, "credentialId"),
        transports: Vec::new(),
        client_data: bytes(vector, "clientDataJSON"),
        attestation_object: bytes(vector, "attestationObject"),
        is_server_side: false,
    };
    let created = verify_registration(&example_org(), &challenge, &response).expect("it is valid");
    assert_eq!(created.id, response.id);
    assert!(created.state.backup_eligible && created.state.backed_up);
    for at in 0..response.attestation_object.len() {
        response.attestation_object[at] ^= 1;
        assert!(verify_registration(&example_org(), &challenge, &response).is_err(), "{at}");
        response.attestation_object[at] ^= 1;
    }
}
