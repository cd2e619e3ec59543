use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sea_orm::DbErr;
use secrecy::{SecretString, zeroize::Zeroizing};

/// The bytes of an opaque token.
const TOKEN_BYTES: usize = 32;

/// The characters of an opaque token in base64url.
const TOKEN_CHARS: usize = 43;

/// The system provides no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system provides no random bytes")]
pub struct NoRandomBytes;

impl From<NoRandomBytes> for DbErr {
    fn from(error: NoRandomBytes) -> Self {
        Self::Custom(error.to_string())
    }
}

/// Fills `bytes` with random bytes of the system.
///
/// # Errors
/// If the system provides none.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), NoRandomBytes> {
    rand::fill(bytes).map_err(|_| NoRandomBytes)
}

/// A random opaque token: 256 bits in base64url. The database stores its [`hash_token`].
///
/// # Errors
/// If the system provides no random bytes.
pub fn random_token() -> Result<SecretString, NoRandomBytes> {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    fill_random(bytes.as_mut())?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_ref()).into())
}

/// The SHA-256 by which an opaque token is found. `None` for a text that cannot be one.
#[must_use]
pub fn hash_token(token: &str) -> Option<Vec<u8>> {
    (token.len() == TOKEN_CHARS).then(|| digest(&SHA256, token.as_bytes()).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_has_its_length_and_a_hash() {
        let token = random_token().expect("random bytes");
        assert_eq!(token.expose_secret().len(), TOKEN_CHARS);
        assert!(hash_token(token.expose_secret()).is_some());
        assert!(hash_token("short").is_none());
    }
}
