//! The master secret, and the keys that are derived from it: one for each use; files that nobody else may read.
//!
//! While the secret changes there are two: see [`MasterSecrets`].

mod file;
mod sealer;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroizing};

use self::file::create_private;
pub use self::{
    file::{PrivateFileError, make_private_folder, read_private_file, sync_folder},
    sealer::{Sealer, Sealers, UnsealError},
};

/// The fewest bytes that a master secret may have.
pub const MIN_SECRET_BYTES: usize = 32;

/// Why a master secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Fewer than [`MIN_SECRET_BYTES`].
    #[error("the master secret has {0} bytes; it needs at least {MIN_SECRET_BYTES}")]
    TooShort(usize),
    /// Its file cannot be used.
    #[error("the master secret: {0}")]
    File(#[from] PrivateFileError),
    /// Its file cannot be made.
    #[error("cannot make the master secret {path}: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The secret from which every other key of the server comes. Replicas share one.
pub struct MasterSecret(SecretBox<[u8]>);

/// The master secret that counts, and one that is accepted beside it. To change the secret without an
/// interruption, let every replica accept the new one, then swap the two, then seal the signing keys anew and
/// forget the old one.
pub struct MasterSecrets {
    /// What everything new is made under.
    pub current: MasterSecret,
    /// What is believed as well.
    pub secondary: Option<MasterSecret>,
}

impl MasterSecrets {
    /// Both, the one that counts first.
    pub fn iter(&self) -> impl Iterator<Item = &MasterSecret> {
        std::iter::once(&self.current).chain(&self.secondary)
    }
}

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
        let failed = |source| SecretError::Create { path: path.to_owned(), source };
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| failed(io::Error::other("no randomness")))?;
        // Large enough from the start: a string that grows leaves an unwiped copy behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes.as_ref(), &mut text);
        text.push('\n');
        // Written aside and linked when it is whole, for somebody may read it at any moment.
        // Its name is random: in containers, every process that shares the folder may be number 1.
        let mut name = [0; 12];
        rand::fill(&mut name).map_err(|_| failed(io::Error::other("no randomness")))?;
        let draft = path.with_extension(format!("draft-{}", BASE64_URL_SAFE_NO_PAD.encode(name)));
        let written = create_private(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::hard_link(&draft, path)?;
            sync_folder(path)
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

struct Key256;

impl KeyType for Key256 {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(text: &str) -> MasterSecret {
        MasterSecret::new(&text.into()).expect("long enough")
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
        let refused = MasterSecret::read(&path).err().expect("others may read it");
        assert!(matches!(refused, SecretError::File(PrivateFileError::Exposed { mode: 0o644, .. })));
    }
}
