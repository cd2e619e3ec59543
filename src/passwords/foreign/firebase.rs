//! Firebase's variant of scrypt (<https://github.com/firebase/scrypt>): the key that scrypt derives from the password
//! encrypts a key of the project, and the ciphertext is the hash.

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time::verify_slices_are_equal,
    iv::FixedLength,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    MalformedHash,
    encoding::{check_lengths, from_base64, number, parts, to_base64, value},
    scrypt::Cost,
};

/// The length of the key of AES-256, bytes.
const KEY_BYTES: usize = 32;

/// The parameters of a Firebase project, from its page "Password hash parameters".
#[derive(Clone, Debug)]
pub struct FirebaseParameters {
    /// `base64_signer_key`.
    pub signer_key: SecretString,
    /// `base64_salt_separator`.
    pub salt_separator: String,
    /// `rounds`: the block size r of scrypt.
    pub rounds: u32,
    /// `mem_cost`: log2 N of scrypt.
    pub memory_cost: u32,
}

/// A hash of Firebase.
#[derive(Clone)]
pub(in super::super) struct FirebaseHash {
    cost: Cost,
    separator: Vec<u8>,
    signer_key: Vec<u8>,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl FirebaseHash {
    pub(super) fn new(
        hash: &str,
        salt: &str,
        parameters: &FirebaseParameters,
    ) -> Result<Self, MalformedHash> {
        // The export may contain base64url.
        let decode = |text: &str| from_base64(&text.replace('-', "+").replace('_', "/"));
        let new = Self {
            cost: Cost::new(parameters.memory_cost, parameters.rounds, 1)?,
            separator: decode(&parameters.salt_separator)?,
            signer_key: decode(parameters.signer_key.expose_secret())?,
            salt: decode(salt)?,
            output: decode(hash)?,
        };
        check_lengths(&new.salt, &new.output)?;
        if new.output.len() != new.signer_key.len() || new.separator.len() > new.output.len() {
            return Err(MalformedHash::Incomplete);
        }
        Ok(new)
    }

    /// Parses the encoding of Supabase Auth: `$fbscrypt$v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`.
    pub(super) fn parse(text: &str) -> Result<Self, MalformedHash> {
        let ["", "fbscrypt", parameters, salt, hash] = parts(text, '$')? else {
            return Err(MalformedHash::Syntax);
        };
        let ["v=1", memory_cost, rounds, "p=1", separator, signer_key] = parts(parameters, ',')? else {
            return Err(MalformedHash::Syntax);
        };
        let parameters = FirebaseParameters {
            signer_key: value(signer_key, "sk")?.into(),
            salt_separator: value(separator, "ss")?.to_owned(),
            rounds: number(value(rounds, "r")?)?,
            memory_cost: number(value(memory_cost, "n")?)?,
        };
        Self::new(hash, salt, &parameters)
    }

    pub(super) fn memory_kib(&self) -> u32 {
        self.cost.memory_kib()
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let salt = [self.salt.as_slice(), &self.separator].concat();
        let key = self.cost.derive(password, &salt, KEY_BYTES);
        let mut computed = self.signer_key.clone();
        encrypt(&key, &mut computed) && verify_slices_are_equal(&computed, &self.output).is_ok()
    }

    pub(super) fn to_text(&self) -> String {
        let Cost { log_n, block_size, .. } = self.cost;
        let [separator, key] = [&self.separator, &self.signer_key].map(|bytes| to_base64(bytes));
        let [salt, output] = [&self.salt, &self.output].map(|bytes| to_base64(bytes));
        format!("$fbscrypt$v=1,n={log_n},r={block_size},p=1,ss={separator},sk={key}${salt}${output}")
    }
}

/// Encrypts with AES-256 in counter mode from zero. Returns whether the library accepted the key, which it does.
fn encrypt(key: &[u8], text: &mut [u8]) -> bool {
    let zero = EncryptionContext::Iv128(FixedLength::from(&[0; 16]));
    let key = UnboundCipherKey::new(&AES_256, key).and_then(EncryptingKey::ctr);
    key.is_ok_and(|key| key.less_safe_encrypt(text, zero).is_ok())
}
