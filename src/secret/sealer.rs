use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
};
use secrecy::zeroize::Zeroizing;

use super::{MasterSecret, MasterSecrets};

/// The sealers of all master secrets, for one use.
pub struct Sealers {
    current: Sealer,
    secondary: Option<Sealer>,
}

impl Sealers {
    /// Creates the sealers for one use.
    #[must_use]
    pub fn new(masters: &MasterSecrets, usage: &str) -> Self {
        let secondary = masters.secondary.as_ref().map(|master| Sealer::new(master, usage));
        Self { current: Sealer::new(&masters.current, usage), secondary }
    }

    /// Seals with the current master secret.
    ///
    /// # Errors
    /// If the system provides no random bytes.
    pub fn seal(&self, secret: &[u8], context: &str) -> Result<Vec<u8>, Unspecified> {
        self.current.seal(secret, context)
    }

    /// Unseals with either master secret.
    ///
    /// # Errors
    /// If it was sealed with another key or context, or was altered.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let open_with_secondary = |_| self.secondary.as_ref().ok_or(UnsealError)?.open(sealed, context);
        self.current.open(sealed, context).or_else(open_with_secondary)
    }

    /// Whether something is sealed with the current master secret.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8], context: &str) -> bool {
        self.current.open(sealed, context).is_ok()
    }
}

/// Encrypts small secrets for the database with AES-256-GCM. The random nonce is stored before the ciphertext.
pub struct Sealer(RandomizedNonceKey);

/// An error of unsealing: the secret was sealed with another master secret, or was altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be unsealed with this master secret")]
pub struct UnsealError;

impl Sealer {
    /// Creates a sealer for one use of a master secret.
    ///
    /// # Panics
    /// Never, because the key has the length that the cipher requires.
    #[must_use]
    pub fn new(master: &MasterSecret, usage: &str) -> Self {
        let key = master.derive(usage);
        Self(RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).expect("the key has 32 bytes"))
    }

    /// Encrypts `secret`. Unsealing requires the same `context` (the associated data).
    ///
    /// # Errors
    /// If the system provides no random bytes.
    pub fn seal(&self, secret: &[u8], context: &str) -> Result<Vec<u8>, Unspecified> {
        // With capacity for the tag, because a vector that grows leaves an unwiped copy of the secret behind. If
        // encryption fails, the plaintext is wiped.
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(secret);
        let nonce = self.0.seal_in_place_append_tag(Aad::from(context), &mut *text)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Decrypts the result of [`Sealer::seal`].
    ///
    /// # Errors
    /// If it was sealed with another key or context, or was altered.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(UnsealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| UnsealError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length =
            self.0.open_in_place(nonce, Aad::from(context), &mut text).map_err(|_| UnsealError)?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_with_its_key_and_its_context() {
        let sealer = |secret: &str| {
            let master = MasterSecret::new(&secret.repeat(32).into()).expect("long enough");
            Sealer::new(&master, "test")
        };
        let (sealer, other) = (sealer("a"), sealer("b"));
        let mut sealed = sealer.seal(b"private", "key 1").expect("seals");
        assert_eq!(sealer.open(&sealed, "key 1").expect("opens").as_slice(), b"private");
        assert!(sealer.open(&sealed, "key 2").is_err());
        assert!(other.open(&sealed, "key 1").is_err());
        assert!(sealer.open(&sealed[..5], "key 1").is_err());
        sealed[20] ^= 1;
        assert!(sealer.open(&sealed, "key 1").is_err());
    }
}
