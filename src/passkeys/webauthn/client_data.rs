use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::Deserialize;

use super::{Rejection, RelyingParty};

/// A use of WebAuthn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceremony {
    /// A passkey is created.
    Registration,
    /// A passkey is used.
    Authentication,
}

impl Ceremony {
    /// The `type` of the client data.
    const fn kind(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Authentication => "webauthn.get",
        }
    }
}

/// The client data (§5.8.1), as far as it is checked. Browsers may add members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

/// Verifies that a browser made this response to this challenge, on one of our pages and not in a frame of another site
/// (§7.1, steps 6 to 12, and §7.2, steps 8 to 14).
pub(super) fn verify(
    json: &[u8],
    ceremony: Ceremony,
    challenge: &[u8],
    relying_party: &RelyingParty,
) -> Result<(), Rejection> {
    let data: ClientData =
        serde_json::from_slice(json).map_err(|_| Rejection("the client data is malformed"))?;
    if data.r#type != ceremony.kind() {
        return Err(Rejection("the client data is of another ceremony"));
    }
    if data.challenge != BASE64_URL_SAFE_NO_PAD.encode(challenge) {
        return Err(Rejection("the client data has another challenge"));
    }
    if !relying_party.origins.contains(&data.origin) {
        return Err(Rejection("the origin is not one of passkeys.origins"));
    }
    if data.cross_origin || data.top_origin.is_some() {
        return Err(Rejection("the page is in a frame of another site"));
    }
    Ok(())
}
