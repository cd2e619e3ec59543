use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{MAX_CREDENTIAL_ID_BYTES, Rejection};

/// The maximum size of the client data, bytes. An origin and a challenge need about 200.
const MAX_CLIENT_DATA_BYTES: usize = 4096;

/// The maximum size of an attestation object and of authenticator data, bytes. The largest key has about 600.
const MAX_AUTHENTICATOR_BYTES: usize = 8192;

/// The maximum size of a signature, bytes: one with an RSA key of 4096 bits.
const MAX_SIGNATURE_BYTES: usize = 512;

/// The maximum size of a user handle, bytes (§4).
const MAX_USER_HANDLE_BYTES: usize = 64;

/// The maximum number of transports, and the maximum size of one.
const MAX_TRANSPORTS: usize = 8;
const MAX_TRANSPORT_BYTES: usize = 32;

/// The response to a creation: the `toJSON()` of a `PublicKeyCredential` (§5.1), as far as it is used.
#[derive(Debug)]
pub struct RegistrationResponse {
    /// The id of the credential.
    pub id: Vec<u8>,
    /// The ways in which browsers can reach the authenticator.
    pub transports: Vec<String>,
    pub(super) client_data: Vec<u8>,
    pub(super) attestation_object: Vec<u8>,
    /// Whether the client says that the credential cannot be found without its id.
    pub(super) is_server_side: bool,
}

/// The response to a request: the `toJSON()` of a `PublicKeyCredential` (§5.1), as far as it is used.
#[derive(Debug)]
pub struct AuthenticationResponse {
    /// The id of the credential.
    pub id: Vec<u8>,
    /// The user handle, which the authenticator has stored with the credential.
    pub user_handle: Option<Vec<u8>>,
    pub(super) client_data: Vec<u8>,
    pub(super) authenticator_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<R> {
    id: String,
    raw_id: String,
    r#type: String,
    response: R,
    #[serde(default)]
    client_extension_results: ExtensionResults,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionResults {
    cred_props: Option<CredentialProperties>,
}

/// The result of the extension `credProps` (§10.1.3).
#[derive(Deserialize)]
struct CredentialProperties {
    rk: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewCredentialFields {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

impl RegistrationResponse {
    /// Parses the response.
    ///
    /// # Errors
    /// [`Rejection`] unless it has the members of `RegistrationResponseJSON`.
    pub fn parse(json: &Json) -> Result<Self, Rejection> {
        let credential: Credential<NewCredentialFields> = read(json)?;
        let id = credential.id()?;
        let properties = credential.client_extension_results.cred_props;
        let mut transports = credential.response.transports;
        transports.retain(|transport| is_transport(transport));
        transports.sort_unstable();
        transports.dedup();
        transports.truncate(MAX_TRANSPORTS);
        Ok(Self {
            id,
            transports,
            client_data: decode(&credential.response.client_data, MAX_CLIENT_DATA_BYTES)?,
            attestation_object: decode(&credential.response.attestation_object, MAX_AUTHENTICATOR_BYTES)?,
            is_server_side: properties.is_some_and(|properties| properties.rk == Some(false)),
        })
    }
}

impl AuthenticationResponse {
    /// Parses the response.
    ///
    /// # Errors
    /// [`Rejection`] unless it has the members of `AuthenticationResponseJSON`.
    pub fn parse(json: &Json) -> Result<Self, Rejection> {
        let credential: Credential<Assertion> = read(json)?;
        let id = credential.id()?;
        let response = credential.response;
        let user_handle = response.user_handle.filter(|handle| !handle.is_empty());
        Ok(Self {
            id,
            user_handle: user_handle.map(|handle| decode(&handle, MAX_USER_HANDLE_BYTES)).transpose()?,
            client_data: decode(&response.client_data, MAX_CLIENT_DATA_BYTES)?,
            authenticator_data: decode(&response.authenticator_data, MAX_AUTHENTICATOR_BYTES)?,
            signature: decode(&response.signature, MAX_SIGNATURE_BYTES)?,
        })
    }
}

impl<R> Credential<R> {
    fn id(&self) -> Result<Vec<u8>, Rejection> {
        if self.r#type != "public-key" || self.id != self.raw_id {
            return Err(Rejection("the response is not of a public key, or has two ids"));
        }
        decode(&self.id, MAX_CREDENTIAL_ID_BYTES)
    }
}

fn read<R: for<'de> Deserialize<'de>>(json: &Json) -> Result<Credential<R>, Rejection> {
    Deserialize::deserialize(json)
        .map_err(|_| Rejection("the response lacks a member, or has a malformed one"))
}

/// Decodes base64url without padding (RFC 4648 §5), to at most `max` bytes and at least one.
fn decode(text: &str, max: usize) -> Result<Vec<u8>, Rejection> {
    // A bound before the bytes are allocated.
    if text.is_empty() || text.len() > max.div_ceil(3) * 4 {
        return Err(Rejection("a member of the response is empty or too long"));
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
    let bytes = bytes.map_err(|_| Rejection("a member of the response is not base64url"))?;
    if bytes.len() > max {
        return Err(Rejection("a member of the response is too long"));
    }
    Ok(bytes)
}

fn is_transport(text: &str) -> bool {
    (1..=MAX_TRANSPORT_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
