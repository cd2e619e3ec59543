use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac::{self, HMAC_SHA256},
    rand,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    id::SessionId,
    secret::{MasterSecret, MasterSecrets},
};

/// The prefix of refresh tokens, by which people and secret scanners recognise them.
const PREFIX: &str = "prt_";

const ID_BYTES: usize = 16;
const GENERATION_BYTES: usize = 4;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const BODY_BYTES: usize = ID_BYTES + GENERATION_BYTES + SALT_BYTES;

/// The number of rotations of a session's refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u32);

/// The contents of a refresh token. Only [`RefreshCodec`] creates one, so its signature was valid.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session that the token refreshes.
    pub session: SessionId,
    /// The number of rotations before this token.
    pub generation: Generation,
    salt: [u8; SALT_BYTES],
    /// Index of the codec's key pair that signed the token.
    key_index: usize,
}

impl RefreshToken {
    /// The value that the database stores for the token: SHA-256 of its salt.
    #[must_use]
    pub fn salt_hash(&self) -> Vec<u8> {
        digest(&SHA256, &self.salt).as_ref().to_vec()
    }
}

/// Encodes and decodes refresh tokens: `prt_`, then base64url of session id, generation, salt, and an HMAC-SHA256 of
/// these three. A forger needs the key and the salt, and the database contains neither.
pub struct RefreshCodec {
    /// One pair for each master secret. New tokens are signed with the first.
    keys: Vec<KeyPair>,
}

/// The keys that are derived from one master secret.
struct KeyPair {
    signing: hmac::Key,
    chaining: hmac::Key,
}

impl RefreshCodec {
    /// Creates a codec with keys that are derived from the master secrets.
    #[must_use]
    pub fn new(masters: &MasterSecrets) -> Self {
        let keys = |master: &MasterSecret| {
            let key = |usage| hmac::Key::new(HMAC_SHA256, master.derive(usage).as_ref());
            KeyPair { signing: key("refresh token signature v1"), chaining: key("refresh token chain v1") }
        };
        Self { keys: masters.iter().map(keys).collect() }
    }

    /// Creates the first token of a chain, with a random salt. A chain is the sequence of tokens by rotation.
    ///
    /// # Panics
    /// When the system provides no random bytes, because no secret can be created then.
    #[must_use]
    pub fn new_chain(&self, session: SessionId, generation: Generation) -> RefreshToken {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).expect("the system provides random bytes");
        RefreshToken { session, generation, salt, key_index: 0 }
    }

    /// Computes the next token of the chain. The result is deterministic, so a client that lost the response gets the
    /// same token again. It therefore depends on the secret that signed `token`, and not on the current one of this
    /// replica.
    #[must_use]
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut salt = [0; SALT_BYTES];
        let tag = hmac::sign(&self.keys[token.key_index].chaining, &body(token));
        salt.copy_from_slice(&tag.as_ref()[..SALT_BYTES]);
        let generation = Generation(token.generation.0.wrapping_add(1));
        RefreshToken { session: token.session, generation, salt, key_index: 0 }
    }

    /// Encodes a token for the client.
    #[must_use]
    pub fn encode(&self, token: &RefreshToken) -> SecretString {
        let body = body(token);
        let tag = hmac::sign(&self.keys[0].signing, &body);
        let bytes = [body.as_slice(), tag.as_ref()].concat();
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)).into()
    }

    /// Decodes a token of [`RefreshCodec::encode`]. Returns `None` for any other text.
    #[must_use]
    pub fn decode(&self, token: &SecretString) -> Option<RefreshToken> {
        const ENCODED_CHARS: usize = ((BODY_BYTES + TAG_BYTES) * 4).div_ceil(3);
        let text = token.expose_secret().strip_prefix(PREFIX)?;
        // Checked first, so that the work does not grow with the input.
        let text = (text.len() == ENCODED_CHARS).then_some(text)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY_BYTES)?;
        let is_signed = |keys: &KeyPair| hmac::verify(&keys.signing, body, tag).is_ok();
        let key_index = self.keys.iter().position(is_signed)?;
        let (session, rest) = body.split_first_chunk::<ID_BYTES>()?;
        let (generation, salt) = rest.split_first_chunk::<GENERATION_BYTES>()?;
        Some(RefreshToken {
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            generation: Generation(u32::from_be_bytes(*generation)),
            salt: salt.try_into().ok()?,
            key_index,
        })
    }
}

fn body(token: &RefreshToken) -> Vec<u8> {
    let generation = token.generation.0.to_be_bytes();
    [token.session.uuid().as_bytes().as_slice(), &generation, &token.salt].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn master(text: &str) -> MasterSecret {
        MasterSecret::new(&text.repeat(32).into()).expect("long enough")
    }

    fn codec() -> RefreshCodec {
        RefreshCodec::new(&MasterSecrets { current: master("a"), secondary: None })
    }

    proptest! {
        #[test]
        fn a_token_survives_its_string(id: u128, generation: u32) {
            let token = codec().new_chain(SessionId::from_uuid(Uuid::from_u128(id)), Generation(generation));
            let text = codec().encode(&token);
            prop_assert!(codec().decode(&text) == Some(token));
        }

        #[test]
        fn an_altered_token_is_no_token(at in 0_usize..95, to in "[A-Za-z0-9_-]") {
            let token = codec().new_chain(SessionId::from_uuid(Uuid::from_u128(7)), Generation(1));
            let text = codec().encode(&token).expose_secret().to_owned();
            let mut altered = text.clone();
            altered.replace_range(at..=at, &to);
            prop_assert!(altered == text || codec().decode(&altered.into()).is_none());
        }

        #[test]
        fn no_other_string_is_a_token(text in ".{0,200}") {
            prop_assert!(codec().decode(&text.into()).is_none());
        }
    }

    #[test]
    fn a_token_has_one_successor_and_a_chain_does_not_repeat_its_salts() {
        let codec = codec();
        let first = codec.new_chain(SessionId::from_uuid(Uuid::from_u128(7)), Generation(0));
        let second = codec.successor(&first);
        assert!(second == codec.successor(&first));
        assert_eq!(second.generation, Generation(1));
        assert_ne!(second.salt_hash(), first.salt_hash());
        assert_ne!(codec.successor(&second).salt_hash(), second.salt_hash());
    }

    #[test]
    fn while_the_master_secret_changes_all_replicas_agree_on_every_successor() {
        let codec = |current, other| {
            RefreshCodec::new(&MasterSecrets { current: master(current), secondary: Some(master(other)) })
        };
        let (before, after) = (codec("a", "b"), codec("b", "a"));
        let first = before.encode(&before.new_chain(SessionId::from_uuid(Uuid::from_u128(7)), Generation(0)));
        let read = |codec: &RefreshCodec, text| codec.decode(text).expect("it is ours");
        let at_old = before.successor(&read(&before, &first));
        let at_new = after.successor(&read(&after, &first));
        assert_eq!(at_old.salt_hash(), at_new.salt_hash());
        let second = after.encode(&at_new);
        assert_eq!(read(&before, &second).salt_hash(), at_old.salt_hash());
        assert!(
            RefreshCodec::new(&MasterSecrets { current: master("b"), secondary: None })
                .decode(&first)
                .is_none()
        );
    }
}
