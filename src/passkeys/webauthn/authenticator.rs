use uuid::Uuid;

use super::{CredentialState, MAX_CREDENTIAL_ID_BYTES, Rejection, RelyingParty, cbor, public_key::PublicKey};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENDED: u8 = 1 << 7;

/// The authenticator data (§6.1).
pub(super) struct AuthenticatorData {
    rp_id_hash: [u8; 32],
    flags: u8,
    pub(super) state: CredentialState,
    /// The new credential. `None` unless the authenticator has created one.
    pub(super) attested: Option<AttestedCredential>,
}

/// A new credential (§6.5.1).
pub(super) struct AttestedCredential {
    /// The model of the authenticator.
    pub(super) aaguid: Uuid,
    pub(super) id: Vec<u8>,
    pub(super) key: PublicKey,
    /// The encoded public key (COSE).
    pub(super) encoded_key: Vec<u8>,
}

impl AuthenticatorData {
    /// Parses authenticator data. All its bytes must be understood.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, Rejection> {
        let rest = &mut bytes;
        let (rp_id_hash, [flags]) = (take_array(rest)?, take_array(rest)?);
        let sign_count = u32::from_be_bytes(take_array(rest)?);
        let has = |flag| flags & flag != 0;
        let attested = if has(ATTESTED) { Some(AttestedCredential::read(rest)?) } else { None };
        if has(EXTENDED) {
            cbor::read_map(rest)?;
        }
        if !rest.is_empty() {
            return Err(Rejection("the authenticator data is too long"));
        }
        let state =
            CredentialState { sign_count, backup_eligible: has(BACKUP_ELIGIBLE), backed_up: has(BACKED_UP) };
        Ok(Self { rp_id_hash, flags, state, attested })
    }

    /// Verifies that the user was verified, for this relying party.
    pub(super) fn verify(&self, relying_party: &RelyingParty) -> Result<(), Rejection> {
        if self.rp_id_hash != relying_party.id_hash() {
            return Err(Rejection("the passkey belongs to another RP ID"));
        }
        if self.flags & USER_PRESENT == 0 || self.flags & USER_VERIFIED == 0 {
            return Err(Rejection("the authenticator has not verified the user"));
        }
        if self.state.backed_up && !self.state.backup_eligible {
            return Err(Rejection("the passkey is backed up, but cannot be backed up"));
        }
        Ok(())
    }
}

impl AttestedCredential {
    fn read(rest: &mut &[u8]) -> Result<Self, Rejection> {
        let aaguid = Uuid::from_bytes(take_array(rest)?);
        let length = usize::from(u16::from_be_bytes(take_array(rest)?));
        if length == 0 || length > MAX_CREDENTIAL_ID_BYTES {
            return Err(Rejection("the credential id is empty or too long"));
        }
        let id = take(rest, length)?.to_vec();
        let before = *rest;
        let key = PublicKey::from_map(&cbor::read_map(rest)?)?;
        let encoded_key = before[..before.len() - rest.len()].to_vec();
        Ok(Self { aaguid, id, key, encoded_key })
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Rejection> {
    rest.split_off(..length).ok_or(Rejection("the authenticator data is too short"))
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Rejection> {
    let mut array = [0; N];
    array.copy_from_slice(take(rest, N)?);
    Ok(array)
}
