use ciborium::Value;
use uuid::Uuid;

use super::{
    Ceremony, CredentialState, RegistrationResponse, Rejection, RelyingParty,
    authenticator::{AttestedCredential, AuthenticatorData},
    cbor::{self, Map},
    client_data, sha256,
};

const MALFORMED: Rejection = Rejection("the attestation object is malformed");

/// A passkey that an authenticator has created.
#[derive(Debug)]
pub struct NewCredential {
    /// The id of the credential.
    pub id: Vec<u8>,
    /// The encoded public key (COSE, RFC 9052 §7).
    pub public_key: Vec<u8>,
    /// The model of the authenticator. Zero if it is hidden.
    pub aaguid: Uuid,
    /// The state that the authenticator reports.
    pub state: CredentialState,
}

/// Verifies the response of an authenticator that has created a passkey (§7.1, steps 6 to 24).
///
/// # Errors
/// [`Rejection`].
pub fn verify_registration(
    relying_party: &RelyingParty,
    challenge: &[u8],
    response: &RegistrationResponse,
) -> Result<NewCredential, Rejection> {
    client_data::verify(&response.client_data, Ceremony::Registration, challenge, relying_party)?;
    let mut bytes = response.attestation_object.as_slice();
    let object = cbor::read_map(&mut bytes)?;
    if !bytes.is_empty() {
        return Err(MALFORMED);
    }
    let encoded = object.named("authData").and_then(Value::as_bytes).ok_or(MALFORMED)?;
    let data = AuthenticatorData::parse(encoded)?;
    data.verify(relying_party)?;
    let state = data.state;
    let created = data.attested.ok_or(Rejection("the response has no new credential"))?;
    if created.id != response.id {
        return Err(Rejection("the response and its authenticator data have two ids"));
    }
    if response.is_server_side {
        return Err(Rejection("the credential cannot be found without its id"));
    }
    let mut signed = encoded.clone();
    signed.extend_from_slice(&sha256(&response.client_data));
    verify_statement(&object, &created, &signed)?;
    let AttestedCredential { aaguid, id, encoded_key, .. } = created;
    Ok(NewCredential { id, public_key: encoded_key, aaguid, state })
}

/// Verifies the attestation statement: none (§8.7), or a signature by the new key itself (§8.2, self attestation),
/// which browsers leave in place although none was requested.
fn verify_statement(object: &Map, created: &AttestedCredential, signed: &[u8]) -> Result<(), Rejection> {
    let format = object.named("fmt").and_then(Value::as_text).ok_or(MALFORMED)?;
    let statement = object.named("attStmt").and_then(Value::as_map).ok_or(MALFORMED)?;
    match format {
        "none" if statement.is_empty() => Ok(()),
        "packed" => {
            let statement = Map::new(statement.clone())?;
            let algorithm = statement.named("alg").and_then(Value::as_integer);
            let signature = statement.named("sig").and_then(Value::as_bytes).ok_or(MALFORMED)?;
            if statement.named("x5c").is_some() || algorithm != Some(created.key.algorithm.into()) {
                return Err(Rejection("an attestation was sent, but none was requested"));
            }
            created.key.verify(signed, signature)
        }
        _ => Err(Rejection("an attestation was sent, but none was requested")),
    }
}
