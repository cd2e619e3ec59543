//! The texts in the column of password hashes: Argon2 hashes of this server, and hashes from elsewhere.

use argon2::password_hash;

use super::{
    argon2_hash::Argon2Hash,
    bounds::HashBounds,
    cost::{Argon2Cost, InvalidArgon2Cost},
    foreign::ForeignHash,
    memory::HashMemory,
    password::PasswordAttempt,
};

/// A parsed stored hash.
#[derive(Clone)]
pub(super) enum StoredHash {
    /// An Argon2 hash of this server, of a password in NFKC.
    Own(Argon2Hash),
    /// An imported hash, of a password as its owner typed it.
    Foreign(ForeignHash),
}

impl StoredHash {
    /// Parses the text of the column.
    ///
    /// # Errors
    /// [`MalformedHash`] if passwords cannot be verified against it, or only at an excessive cost.
    pub(super) fn parse(text: &str, bounds: HashBounds) -> Result<Self, MalformedHash> {
        if text.starts_with("$argon2") {
            // An operator may have lowered the cost since, so the bounds of imported hashes do not apply.
            return Argon2Hash::parse(text).map(Self::Own);
        }
        ForeignHash::parse(text, bounds).map(Self::Foreign)
    }

    /// Whether the password matches the hash. The outputs are compared in constant time.
    pub(super) fn matches(&self, attempt: &PasswordAttempt, memory: &mut HashMemory) -> argon2::Result<bool> {
        match self {
            Self::Own(hash) => hash.matches(attempt.text().unwrap_or_default().as_bytes(), memory),
            Self::Foreign(hash) => {
                // The other system may have hashed the text as it was typed, or in a normal form.
                for spelling in attempt.spellings() {
                    if hash.matches(spelling.as_bytes(), memory)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// Whether a new hash would have the same algorithm and cost.
    pub(super) fn is_current(&self, cost: &Argon2Cost) -> bool {
        match self {
            Self::Own(hash) => hash.is_current(cost),
            Self::Foreign(_) => false,
        }
    }

    /// The memory that a verification takes beyond the memory of a worker, KiB.
    pub(super) fn extra_kib(&self, cost: &Argon2Cost) -> u32 {
        let of_argon2 = |hash: &Argon2Hash| {
            if hash.memory_kib() <= cost.params().m_cost() { 0 } else { hash.memory_kib() }
        };
        match self {
            Self::Own(hash) | Self::Foreign(ForeignHash::Argon2(hash)) => of_argon2(hash),
            Self::Foreign(hash) => hash.memory_kib(),
        }
    }
}

/// An error of a hash that cannot be verified: the row is damaged, another program wrote it, or it is to be imported.
/// The message contains nothing of the hash but a known prefix.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHash {
    /// The text is in no supported encoding.
    #[error("it is in no supported encoding")]
    Syntax,
    /// A known encoding or option that is not supported.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// The parameters cannot be read.
    #[error("its parameters cannot be read")]
    Params(#[source] password_hash::Error),
    /// The cost is higher than the maximum.
    #[error("its cost is out of bounds")]
    Cost(#[source] InvalidArgon2Cost),
    /// A parameter of an imported hash is out of its range.
    #[error("its {parameter} is not between {min} and {max}")]
    Bound {
        /// The parameter.
        parameter: &'static str,
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// The salt or the output is missing.
    #[error("its salt or its output is missing")]
    Incomplete,
    /// Argon2 does not support the variant or version.
    #[error("Argon2 does not accept it")]
    Argon2(#[source] argon2::Error),
}
