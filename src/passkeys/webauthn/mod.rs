//! The verification of passkeys (Web Authentication Level 3), without a database.
//!
//! Invariants: the relying party and its origins come from the configuration; the user must be verified; the
//! attestation is not evaluated, because no authenticator is preferred; every input has a maximum size; input that
//! this module does not understand is rejected.

mod authenticator;
mod cbor;
mod client_data;
mod public_key;
mod registration;
mod response;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{SHA256, digest};

use self::authenticator::AuthenticatorData;
pub use self::{
    client_data::Ceremony,
    public_key::{ALGORITHMS, PublicKey},
    registration::{NewCredential, verify_registration},
    response::{AuthenticationResponse, RegistrationResponse},
};

/// The maximum size of a credential id, bytes (WebAuthn Level 3 §4).
pub const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

/// The reason why a response was rejected, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejection(pub &'static str);

/// The site to which passkeys belong.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// The RP ID: a domain.
    pub id: String,
    /// The origins of the pages that may use its passkeys, as browsers write them.
    pub origins: Vec<String>,
}

/// The state of a passkey that the authenticator reports with each use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialState {
    /// The number of signatures. Zero if the authenticator does not count.
    pub sign_count: u32,
    /// Whether the passkey can be on several devices (flag BE). It never changes.
    pub backup_eligible: bool,
    /// Whether a copy of the passkey exists (flag BS).
    pub backed_up: bool,
}

impl RelyingParty {
    fn id_hash(&self) -> [u8; 32] {
        sha256(self.id.as_bytes())
    }
}

/// Verifies the response of an authenticator that proves the possession of a passkey (§7.2, steps 7 to 21). The caller
/// has found the passkey by the id in the response, and checks the signature counter.
///
/// # Errors
/// [`Rejection`].
pub fn verify_authentication(
    relying_party: &RelyingParty,
    challenge: &[u8],
    key: &PublicKey,
    response: &AuthenticationResponse,
) -> Result<CredentialState, Rejection> {
    client_data::verify(&response.client_data, Ceremony::Authentication, challenge, relying_party)?;
    let data = AuthenticatorData::parse(&response.authenticator_data)?;
    data.verify(relying_party)?;
    if data.attested.is_some() {
        return Err(Rejection("an authentication contains a new credential"));
    }
    let mut signed = response.authenticator_data.clone();
    signed.extend_from_slice(&sha256(&response.client_data));
    key.verify(&signed, &response.signature)?;
    Ok(data.state)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
