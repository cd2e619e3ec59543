//! The master secret and the keys that are derived from it, one for each use, and files that other users cannot read.
//!
//! While the master secret is being replaced, there are two: see [`MasterSecrets`].

mod file;
mod random;
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

pub use self::{
    file::{PrivateFileError, create_private, make_private_folder, read_private_file, sync_folder},
    random::{NoRandomBytes, fill_random, hash_token, random_token},
    sealer::{Sealer, Sealers, UnsealError},
};

/// The minimum size of a master secret, bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// An error of reading or creating a master secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The secret has fewer than [`MIN_SECRET_BYTES`].
    #[error("the master secret has {0} bytes; it needs at least {MIN_SECRET_BYTES}")]
    TooShort(usize),
    /// The file of the secret cannot be read.
    #[error("the master secret: {0}")]
    File(#[from] PrivateFileError),
    /// The file of the secret cannot be created.
    #[error("cannot create the master secret {path}: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// The secret from which all other keys of the server are derived. Replicas share one.
pub struct MasterSecret(SecretBox<[u8]>);

/// The current master secret, and a secondary one that is also accepted. To replace the secret without an
/// interruption, configure the new one as secondary on all replicas, then swap the two, then seal the signing keys
/// again and remove the old one.
pub struct MasterSecrets {
    /// The secret that seals and signs.
    pub current: MasterSecret,
    /// The secret with which existing tokens and sealed keys are also accepted.
    pub secondary: Option<MasterSecret>,
}

impl MasterSecrets {
    /// Both secrets, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &MasterSecret> {
        std::iter::once(&self.current).chain(&self.secondary)
    }
}

impl MasterSecret {
    /// Creates the master secret from a configured text, without leading and trailing white space.
    ///
    /// # Errors
    /// If the text is shorter than [`MIN_SECRET_BYTES`].
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
    /// If the file cannot be read, other users can read it, or the secret is too short.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        Self::new(&SecretString::from(read_private_file(path)?.as_str()))
    }

    /// Writes a new random secret to `path`, readable only by its owner. If another process has created the file
    /// meanwhile, that secret is returned.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, SecretError> {
        let failed = |source| SecretError::Create { path: path.to_owned(), source };
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut())
            .map_err(|_| failed(io::Error::other("the system provides no random bytes")))?;
        // With sufficient capacity, because a string that grows leaves an unwiped copy behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes.as_ref(), &mut text);
        text.push('\n');
        // Written to a draft and linked when complete, because another process may read it at any moment. The name of
        // the draft is random, because in containers all processes that share the folder may have the process id 1.
        let mut name = [0; 12];
        rand::fill(&mut name).map_err(|_| failed(io::Error::other("the system provides no random bytes")))?;
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

    /// Derives a 256-bit key for one use (HKDF-SHA256, RFC 5869). `usage` must never change after a release.
    ///
    /// # Panics
    /// Never, because HKDF permits this length.
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
    fn each_use_has_its_own_key() {
        let master = master(&"a".repeat(32));
        assert_ne!(master.derive("one"), master.derive("two"));
        assert_eq!(master.derive("one"), master.derive("one"));
    }

    #[test]
    fn a_short_secret_is_rejected() {
        assert!(matches!(MasterSecret::new(&"short".into()), Err(SecretError::TooShort(5))));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_secret_file_is_private_and_a_public_one_is_rejected() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let created = MasterSecret::create(&path).expect("is created");
        let again = MasterSecret::create(&path).expect("is kept");
        assert_eq!(created.derive("x"), again.derive("x"));
        let mode = fs::metadata(&path).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("is ours");
        let error = MasterSecret::read(&path).err().expect("others can read it");
        assert!(matches!(error, SecretError::File(PrivateFileError::Exposed { mode: 0o644, .. })));
    }
}
