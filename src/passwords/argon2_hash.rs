//! Argon2 hashes as PHC strings, and verification against them.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use aws_lc_rs::{constant_time::verify_slices_are_equal, error::Unspecified, rand::SecureRandom};
use secrecy::zeroize::Zeroizing;

use super::{
    cost::{Argon2Cost, OUTPUT_BYTES},
    memory::HashMemory,
    stored::MalformedHash,
};

/// The size of new salts, bytes (RFC 9106 §3.1 recommends 16).
const SALT_BYTES: usize = 16;

/// A parsed Argon2 hash.
#[derive(Clone)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl Argon2Hash {
    /// Parses a PHC string
    /// (<https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>).
    ///
    /// # Errors
    /// [`MalformedHash`] if passwords cannot be verified against it, or only at an excessive cost.
    pub(super) fn parse(phc: &str) -> Result<Self, MalformedHash> {
        let hash = PasswordHash::new(phc).map_err(|_| MalformedHash::Syntax)?;
        let algorithm = Algorithm::new(hash.algorithm.as_str()).map_err(MalformedHash::Argon2)?;
        // The reference implementation before 1.3 wrote no version, so a missing version means 1.0.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
        let params = Params::try_from(&hash).map_err(MalformedHash::Params)?;
        Argon2Cost::new(params.m_cost(), params.t_cost(), params.p_cost()).map_err(MalformedHash::Cost)?;
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return Err(MalformedHash::Unsupported("a key or associated data"));
        }
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(MalformedHash::Incomplete);
        };
        Ok(Self { algorithm, version: version.map_err(MalformedHash::Argon2)?, params, salt, output })
    }

    /// Creates a hash with a random output, which no known password has, to verify against when there is no stored
    /// hash. Verification takes as long as with a real one.
    pub(super) fn dummy(cost: &Argon2Cost, random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        let mut output = [0; OUTPUT_BYTES];
        random.fill(&mut output)?;
        Ok(Self::with_output(cost, new_salt(random)?, &output))
    }

    /// Hashes `password` with a new salt.
    pub(super) fn make(
        password: &[u8],
        cost: &Argon2Cost,
        salt: Salt,
        memory: &mut HashMemory,
    ) -> argon2::Result<Self> {
        let blank = Self::with_output(cost, salt, &[0; OUTPUT_BYTES]);
        let output = blank.compute(password, memory)?;
        Ok(Self::with_output(cost, salt, &output))
    }

    fn with_output(cost: &Argon2Cost, salt: Salt, output: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: cost.params().clone(),
            salt,
            output: Output::new(output).expect("32 bytes are within PHC's 10 to 64"),
        }
    }

    /// Whether `password` matches the hash. The outputs are compared in constant time.
    pub(super) fn matches(&self, password: &[u8], memory: &mut HashMemory) -> argon2::Result<bool> {
        let computed = self.compute(password, memory)?;
        Ok(verify_slices_are_equal(&computed, self.output.as_bytes()).is_ok())
    }

    fn compute(&self, password: &[u8], memory: &mut HashMemory) -> argon2::Result<Zeroizing<Vec<u8>>> {
        let blocks = memory.blocks(self.params.block_count())?;
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        Argon2::new(self.algorithm, self.version, self.params.clone()).hash_password_into_with_memory(
            password,
            &self.salt,
            &mut output,
            blocks,
        )?;
        Ok(output)
    }

    /// The memory that a verification takes, KiB.
    pub(super) fn memory_kib(&self) -> u32 {
        self.params.m_cost()
    }

    /// The number of passes over the memory.
    pub(super) fn passes(&self) -> u32 {
        self.params.t_cost()
    }

    /// The number of lanes.
    pub(super) fn lanes(&self) -> u32 {
        self.params.p_cost()
    }

    /// Whether a new hash would have the same algorithm and cost.
    pub(super) fn is_current(&self, cost: &Argon2Cost) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.params == *cost.params()
            && self.salt.len() >= SALT_BYTES
    }

    /// The PHC string to store.
    pub(super) fn to_phc(&self) -> String {
        PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params: ParamsString::try_from(&self.params).expect("three numbers fit 127 characters"),
            salt: Some(self.salt),
            hash: Some(self.output),
        }
        .to_string()
    }
}

/// Generates a salt for one hash.
pub(super) fn new_salt(random: &dyn SecureRandom) -> Result<Salt, Unspecified> {
    let mut bytes = [0; SALT_BYTES];
    random.fill(&mut bytes)?;
    Ok(Salt::new(&bytes).expect("16 bytes are within PHC's 8 to 48"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(phc: &str, password: &str) -> bool {
        let hash = Argon2Hash::parse(phc).expect("the vector is well formed");
        assert!(!hash.is_current(&Argon2Cost::default()));
        let mut memory = HashMemory::new(8);
        hash.matches(password.as_bytes(), &mut memory).expect("it is computed")
    }

    /// From the test suite of the reference implementation (phc-winner-argon2, src/test.c). The
    /// vectors of RFC 9106 §5 need a secret and associated data, which we do not use.
    #[test]
    fn the_vectors_of_the_reference_implementation_verify() {
        for phc in [
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        ] {
            assert!(verify(phc, "password"));
            assert!(!verify(phc, "passwore"));
        }
    }

    #[test]
    fn a_malformed_hash_is_an_error_with_the_reason() {
        let why = |phc: &str| Argon2Hash::parse(phc).err().expect("malformed").to_string();
        let salt_and_output = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert_eq!(why(""), "it is in no supported encoding");
        assert_eq!(why("hunter2"), "it is in no supported encoding");
        assert_eq!(
            why(
                "$argon2id$v=19$m=256,t=2,p=1,data=c29tZXNhbHQ$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
            ),
            "a key or associated data is not supported"
        );
        assert_eq!(why("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ"), "its salt or its output is missing");
        for (prefix, reason) in [
            ("$argon2id$v=20$m=256,t=2,p=1$", "Argon2 does not accept it"),
            ("$argon2id$v=19$m=256,t=x,p=1$", "its parameters cannot be read"),
            ("$argon2id$v=19$m=9999999,t=2,p=1$", "its cost is out of bounds"),
            ("$argon2id$v=19$m=8,t=4294967295,p=1$", "its cost is out of bounds"),
        ] {
            assert_eq!(why(&format!("{prefix}{salt_and_output}")), reason);
        }
    }
}
