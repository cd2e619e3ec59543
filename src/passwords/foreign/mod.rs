//! Hashes that other systems have made, with one file for each scheme.
//!
//! [`ForeignHash::parse`] reads every encoding that is documented in `docs/import.md`. [`ForeignHash::to_text`] writes the
//! one canonical encoding of each scheme, which is stored. The canonical encoding of Argon2 is Django's, so that it
//! differs from the PHC strings of this server: those are hashes of NFKC text, and their cost was configured here.
//!
//! Each scheme checks the cost when it parses, so that neither an import nor a row of the database can cause an
//! excessive one.

mod bcrypt;
mod encoding;
mod firebase;
mod pbkdf2;
mod scrypt;

pub use self::firebase::FirebaseParameters;
use self::{bcrypt::BcryptHash, firebase::FirebaseHash, pbkdf2::Pbkdf2Hash, scrypt::ScryptHash};
use super::{
    argon2_hash::Argon2Hash,
    bounds::{HashBounds, within},
    memory::HashMemory,
    stored::MalformedHash,
};

/// The maximum length of an encoded hash, bytes. The longest supported ones have about 400.
const MAX_TEXT_BYTES: usize = 1024;

/// The maximum number of lanes of an imported Argon2 hash.
const MAX_LANES: u32 = 16;

/// The beginnings of encodings that are known and not supported. A message may name them, because they are part of no
/// password or hash.
const UNSUPPORTED: [(&str, &str); 21] = [
    ("$1$", "$1$ (md5crypt)"),
    ("$apr1$", "$apr1$ (md5crypt)"),
    ("$5$", "$5$ (sha256crypt)"),
    ("$6$", "$6$ (sha512crypt)"),
    ("$y$", "$y$ (yescrypt)"),
    ("$7$", "$7$ (scrypt of crypt(3))"),
    ("$P$", "$P$ (phpass)"),
    ("$H$", "$H$ (phpass)"),
    ("$S$", "$S$ (Drupal 7)"),
    ("$2$", "$2$ (bcrypt of 1997)"),
    ("$2x$", "$2x$ (bcrypt with the sign bug)"),
    ("$bcrypt-sha256$2", "$bcrypt-sha256$ (version 1)"),
    ("$sm3$", "$sm3$"),
    ("{SHA}", "{SHA}"),
    ("{SSHA}", "{SSHA}"),
    ("{SSHA512}", "{SSHA512}"),
    ("{MD5}", "{MD5}"),
    ("{SMD5}", "{SMD5}"),
    ("sha1$", "sha1$"),
    ("md5$", "md5$"),
    ("!", "! (a password that cannot be used)"),
];

/// A hash from elsewhere.
#[derive(Clone)]
pub(super) enum ForeignHash {
    Argon2(Argon2Hash),
    Bcrypt(BcryptHash),
    Firebase(FirebaseHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
}

impl ForeignHash {
    /// Parses any of the supported encodings.
    ///
    /// # Errors
    /// [`MalformedHash`] if it is in none of them, or its cost is out of bounds.
    pub(super) fn parse(text: &str, bounds: HashBounds) -> Result<Self, MalformedHash> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(MalformedHash::Syntax);
        }
        if let Some((_, name)) = UNSUPPORTED.iter().find(|(prefix, _)| text.starts_with(prefix)) {
            return Err(MalformedHash::Unsupported(name));
        }
        let parsed = if text.starts_with("$argon2") {
            Argon2Hash::parse(text).map(Self::Argon2)
        } else if let Some(phc) = text.strip_prefix("argon2$") {
            // Django's salt and hash follow the name of its hasher.
            Argon2Hash::parse(&format!("${phc}")).map(Self::Argon2)
        } else if text.starts_with("$2") || text.starts_with("bcrypt") || text.starts_with("$bcrypt") {
            BcryptHash::parse(text).map(Self::Bcrypt)
        } else if text.starts_with("$scrypt$") || text.starts_with("scrypt") {
            ScryptHash::parse(text).map(Self::Scrypt)
        } else if text.starts_with("$fbscrypt$") {
            FirebaseHash::parse(text).map(Self::Firebase)
        } else {
            Pbkdf2Hash::parse(text).map(Self::Pbkdf2)
        }?;
        parsed.check(bounds)?;
        Ok(parsed)
    }

    /// The hash of an account that Firebase has exported.
    ///
    /// # Errors
    /// [`MalformedHash`].
    pub(super) fn firebase(
        hash: &str,
        salt: &str,
        parameters: &FirebaseParameters,
        bounds: HashBounds,
    ) -> Result<Self, MalformedHash> {
        let parsed = Self::Firebase(FirebaseHash::new(hash, salt, parameters)?);
        parsed.check(bounds)?;
        Ok(parsed)
    }

    /// Checks the parameters whose bounds are configured.
    fn check(&self, bounds: HashBounds) -> Result<(), MalformedHash> {
        if let Self::Argon2(hash) = self {
            within("number of passes", hash.passes(), (1u32, bounds.passes()))?;
            within("number of lanes", hash.lanes(), (1u32, MAX_LANES))?;
        }
        within("memory in KiB", self.memory_kib(), (0u32, bounds.memory_kib()))
    }

    /// The memory that a verification takes, KiB.
    pub(super) fn memory_kib(&self) -> u32 {
        match self {
            Self::Argon2(hash) => hash.memory_kib(),
            Self::Bcrypt(_) | Self::Pbkdf2(_) => 0,
            Self::Firebase(hash) => hash.memory_kib(),
            Self::Scrypt(hash) => hash.memory_kib(),
        }
    }

    /// Whether the password matches the hash. The outputs are compared in constant time.
    pub(super) fn matches(&self, password: &[u8], memory: &mut HashMemory) -> argon2::Result<bool> {
        match self {
            Self::Argon2(hash) => hash.matches(password, memory),
            Self::Bcrypt(hash) => Ok(hash.matches(password)),
            Self::Firebase(hash) => Ok(hash.matches(password)),
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
            Self::Scrypt(hash) => Ok(hash.matches(password)),
        }
    }

    /// The canonical encoding, which is stored.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Argon2(hash) => format!("argon2{}", hash.to_phc()),
            Self::Bcrypt(hash) => hash.to_text(),
            Self::Firebase(hash) => hash.to_text(),
            Self::Pbkdf2(hash) => hash.to_text(),
            Self::Scrypt(hash) => hash.to_text(),
        }
    }
}

#[cfg(test)]
mod tests;
