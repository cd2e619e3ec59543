//! The options for browsers: the arguments of `PublicKeyCredential.parseCreationOptionsFromJSON` and
//! `parseRequestOptionsFromJSON` (WebAuthn Level 3 §5.1.8 and §5.1.9).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value as Json, json};

use super::{
    Challenge,
    challenge::LIFETIME,
    store::Credential,
    webauthn::{ALGORITHMS, RelyingParty},
};
use crate::id::UserId;

/// The user for whom a passkey is created.
pub(super) struct Owner<'a> {
    pub(super) id: UserId,
    pub(super) username: &'a str,
    pub(super) display_name: Option<&'a str>,
}

/// The options that create a passkey: one that can be found without a username, by a verified user. Authenticators that
/// have one of the passkeys in `existing` are excluded.
pub(super) fn creation(
    relying_party: &RelyingParty,
    owner: &Owner<'_>,
    challenge: &Challenge,
    existing: &[Credential],
) -> Json {
    let parameter = |algorithm: i64| json!({ "type": "public-key", "alg": algorithm });
    json!({
        "rp": { "id": relying_party.id, "name": relying_party.id },
        "user": {
            // Never the address or the username, because authenticators reveal it without a verification of the user.
            "id": BASE64_URL_SAFE_NO_PAD.encode(owner.id.uuid().as_bytes()),
            "name": owner.username,
            "displayName": owner.display_name.unwrap_or(owner.username),
        },
        "challenge": BASE64_URL_SAFE_NO_PAD.encode(challenge.bytes()),
        "pubKeyCredParams": ALGORITHMS.map(parameter),
        "timeout": timeout(),
        "excludeCredentials": descriptors(existing),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
        "extensions": { "credProps": true },
    })
}

/// The options that request the use of a passkey: one of `permitted`, or any passkey of the site if that is empty.
pub(super) fn request(relying_party: &RelyingParty, challenge: &Challenge, permitted: &[Credential]) -> Json {
    json!({
        "challenge": BASE64_URL_SAFE_NO_PAD.encode(challenge.bytes()),
        "timeout": timeout(),
        "rpId": relying_party.id,
        "allowCredentials": descriptors(permitted),
        "userVerification": "required",
    })
}

/// The time for the user, in milliseconds.
fn timeout() -> u64 {
    LIFETIME.as_secs() * 1000
}

fn descriptors(credentials: &[Credential]) -> Vec<Json> {
    let descriptor = |credential: &Credential| {
        let id = BASE64_URL_SAFE_NO_PAD.encode(&credential.id);
        match credential.transports.as_slice() {
            // Without the member, the browser tries all transports.
            [] => json!({ "type": "public-key", "id": id }),
            transports => json!({ "type": "public-key", "id": id, "transports": transports }),
        }
    };
    credentials.iter().map(descriptor).collect()
}
