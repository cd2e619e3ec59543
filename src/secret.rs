//! The master secret, and the keys that are derived from it: one for each use.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroizing};

/// The fewest bytes that a master secret may have.
pub const MIN_SECRET_BYTES: usize = 32;

/// Why a master secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Fewer than [`MIN_SECRET_BYTES`].
    #[error("the master secret has {0} bytes; it needs at least {MIN_SECRET_BYTES}")]
    TooShort(usize),
    /// The file could not be read or made.
    #[error("cannot use {path} for the master secret: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("{path} is readable by others (mode {mode:o}); make it yours alone with `chmod 600 {path}`")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The secret from which every other key of the server comes. Replicas share one.
pub struct MasterSecret(SecretBox<[u8]>);

impl MasterSecret {
    /// Takes a secret that an operator has set.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_SECRET_BYTES`].
    pub fn new(secret: &SecretString) -> Result<Self, SecretError> {
        let bytes = secret.expose_secret().trim().as_bytes();
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(SecretError::TooShort(bytes.len()));
        }
        Ok(Self(SecretBox::new(bytes.into())))
    }

    /// Reads the secret from a file.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it is too short.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        Self::new(&SecretString::from(read_private_file(path)?.as_str()))
    }

    /// Writes a new random secret to `path`, readable by its owner alone. When another process has
    /// made the file in the meantime, that one counts.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::File { path: path.to_owned(), source };
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| failed(io::Error::other("no randomness")))?;
        let text = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_ref()) + "\n");
        // Written aside and linked when it is whole, for somebody may read it at any moment.
        let draft = path.with_extension(format!("draft-{}", std::process::id()));
        let written = create_private(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::hard_link(&draft, path)
        });
        fs::remove_file(&draft).ok();
        match written {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        Self::read(path)
    }

    /// A 256-bit key for one use (HKDF-SHA256, RFC 5869). `usage` must never change once released.
    ///
    /// # Panics
    /// Never: the length is one that HKDF allows.
    #[must_use]
    pub fn derive(&self, usage: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, b"portcullis")
            .extract(self.0.expose_secret())
            .expand(&[usage.as_bytes()], Key256)
            .and_then(|okm| okm.fill(key.as_mut()))
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        key
    }
}

/// Reads a text file that nobody else may read.
///
/// # Errors
/// When it cannot be read, or others may read it.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    refuse_readable_by_others(path)?;
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

struct Key256;

impl KeyType for Key256 {
    fn len(&self) -> usize {
        32
    }
}

/// Encrypts small secrets for the database: AES-256-GCM with a random nonce before the ciphertext.
pub struct Sealer(RandomizedNonceKey);

/// A sealed secret that does not open: another master secret made it, or somebody changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed secret does not open with this master secret")]
pub struct Unsealable;

impl Sealer {
    /// A sealer for one use of the master secret.
    ///
    /// # Panics
    /// Never: the key has the length of the cipher.
    #[must_use]
    pub fn new(master: &MasterSecret, usage: &str) -> Self {
        let key = master.derive(usage);
        Self(RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).expect("the key has 32 bytes"))
    }

    /// Encrypts `secret`; `context` must be handed in again to open it.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn seal(&self, secret: &[u8], context: &str) -> Result<Vec<u8>, Unsealable> {
        let mut text = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(context), &mut text).map_err(|_| Unsealable)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Decrypts what [`Sealer::seal`] made.
    ///
    /// # Errors
    /// When it was sealed with another key or context, or was altered.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length =
            self.0.open_in_place(nonce, Aad::from(context), &mut text).map_err(|_| Unsealable)?.len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    // A group may read it, for that is how orchestrators mount secrets; the world may not.
    let others = mode & 0o007;
    if others == 0 { Ok(()) } else { Err(SecretError::Readable { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<(), SecretError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(text: &str) -> MasterSecret {
        MasterSecret::new(&text.into()).expect("long enough")
    }

    #[test]
    fn a_sealed_secret_opens_only_with_its_key_and_its_context() {
        let sealer = Sealer::new(&master(&"a".repeat(32)), "test");
        let other = Sealer::new(&master(&"b".repeat(32)), "test");
        let mut sealed = sealer.seal(b"private", "key 1").expect("seals");
        assert_eq!(sealer.open(&sealed, "key 1").expect("opens").as_slice(), b"private");
        assert!(sealer.open(&sealed, "key 2").is_err());
        assert!(other.open(&sealed, "key 1").is_err());
        assert!(sealer.open(&sealed[..5], "key 1").is_err());
        sealed[20] ^= 1;
        assert!(sealer.open(&sealed, "key 1").is_err());
    }

    #[test]
    fn each_use_has_a_key_of_its_own() {
        let master = master(&"a".repeat(32));
        assert_ne!(master.derive("one"), master.derive("two"));
        assert_eq!(master.derive("one"), master.derive("one"));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(matches!(MasterSecret::new(&"short".into()), Err(SecretError::TooShort(5))));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_secret_file_is_private_and_a_public_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let made = MasterSecret::create(&path).expect("is made");
        let again = MasterSecret::create(&path).expect("is kept");
        assert_eq!(made.derive("x"), again.derive("x"));
        let mode = fs::metadata(&path).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("is ours");
        assert!(matches!(MasterSecret::read(&path), Err(SecretError::Readable { mode: 0o644, .. })));
    }
}
