//! Hashes and passwords to import.

use std::fmt;

use super::{
    argon2_hash::Argon2Hash,
    bounds::HashBounds,
    foreign::{FirebaseParameters, ForeignHash},
    password::NewPassword,
    stored::MalformedHash,
};

/// A hash from another system that can be verified at a cost within the bounds, in its canonical encoding.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedHash(String);

impl ImportedHash {
    /// Parses a hash of a password as its owner typed it.
    ///
    /// # Errors
    /// [`MalformedHash`] if its encoding is not supported or its cost is out of bounds.
    pub fn parse(text: &str, bounds: HashBounds) -> Result<Self, MalformedHash> {
        Ok(Self(ForeignHash::parse(text, bounds)?.to_text()))
    }

    /// Parses a hash of a password that was normalised to NFKC, as this server does before it hashes. The difference
    /// matters only to Argon2, because hashes of the other schemes are not this server's.
    ///
    /// # Errors
    /// [`MalformedHash`] if its encoding is not supported or its cost is out of bounds.
    pub fn parse_normalised(text: &str, bounds: HashBounds) -> Result<Self, MalformedHash> {
        match ForeignHash::parse(text, bounds)? {
            ForeignHash::Argon2(hash) => Ok(Self(hash.to_phc())),
            hash => Ok(Self(hash.to_text())),
        }
    }

    /// The hash of an account that Firebase has exported: `passwordHash` and `salt`.
    ///
    /// # Errors
    /// [`MalformedHash`] if it or a parameter is not base64, or its cost is out of bounds.
    pub fn firebase(
        hash: &str,
        salt: &str,
        parameters: &FirebaseParameters,
        bounds: HashBounds,
    ) -> Result<Self, MalformedHash> {
        Ok(Self(ForeignHash::firebase(hash, salt, parameters, bounds)?.to_text()))
    }

    /// Whether a stored hash is one of a password in NFKC.
    #[must_use]
    pub fn is_normalised(stored: &str) -> bool {
        Argon2Hash::parse(stored).is_ok()
    }

    /// The text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedHash(…)")
    }
}

/// The password of an account to import.
#[derive(Clone, Debug)]
pub enum ImportedPassword {
    /// Its hash.
    Hash(ImportedHash),
    /// The password itself, which is hashed on import.
    Plain(NewPassword),
}
