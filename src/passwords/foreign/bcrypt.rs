//! bcrypt (<https://www.usenix.org/legacy/events/usenix99/provos/provos.pdf>), alone or after SHA-256.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::zeroize::Zeroizing;

use super::{
    MalformedHash,
    encoding::{from_bcrypt64, number, parts, to_bcrypt64, to_hex, value},
    within,
};

/// The range of the cost. The highest takes about two seconds of a core.
const COSTS: (u32, u32) = (4, 15);

/// The number of bytes of a password that bcrypt reads, with the zero byte at its end.
const KEY_BYTES: usize = 72;

/// The number of characters of a salt.
const SALT_CHARACTERS: usize = 22;

/// A bcrypt hash.
#[derive(Clone)]
pub(in super::super) struct BcryptHash {
    prehash: Prehash,
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

/// The text that bcrypt hashes.
#[derive(Clone, Copy)]
enum Prehash {
    /// The password.
    None,
    /// The hexadecimal digits of its SHA-256 (Django's `BCryptSHA256PasswordHasher`).
    Django,
    /// The base64 of its HMAC-SHA256 with the encoded salt (passlib's `bcrypt_sha256`, version 2).
    Passlib,
}

impl BcryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, MalformedHash> {
        if let Some(rest) = text.strip_prefix("$bcrypt-sha256$") {
            let [parameters, salt, output] = parts(rest, '$')?;
            let [version, variant, rounds] = parts(parameters, ',')?;
            if version != "v=2" || !["t=2a", "t=2b"].contains(&variant) {
                return Err(MalformedHash::Syntax);
            }
            return Self::new(Prehash::Passlib, value(rounds, "r")?, salt, output);
        }
        let (prehash, plain) = if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
            (Prehash::Django, rest)
        } else {
            (Prehash::None, text.strip_prefix("bcrypt$").unwrap_or(text))
        };
        let ["", "2a" | "2b" | "2y", cost, encoded] = parts(plain, '$')? else {
            return Err(MalformedHash::Syntax);
        };
        let (salt, output) = encoded.split_at_checked(SALT_CHARACTERS).ok_or(MalformedHash::Incomplete)?;
        Self::new(prehash, cost, salt, output)
    }

    fn new(prehash: Prehash, cost: &str, salt: &str, output: &str) -> Result<Self, MalformedHash> {
        let cost = number(cost)?;
        within("cost", cost, COSTS)?;
        Ok(Self { prehash, cost, salt: from_bcrypt64(salt)?, output: from_bcrypt64(output)? })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        if self.matches_bytes(password) {
            return true;
        }
        // Implementations in C hash the bytes before the first zero byte, and those in JavaScript hash all.
        let end = password.iter().position(|byte| *byte == 0);
        end.is_some_and(|end| self.matches_bytes(&password[..end]))
    }

    fn matches_bytes(&self, password: &[u8]) -> bool {
        let hashed = match self.prehash {
            Prehash::None => Zeroizing::new(password.to_vec()),
            Prehash::Django => {
                Zeroizing::new(to_hex(digest::digest(&digest::SHA256, password).as_ref()).into_bytes())
            }
            Prehash::Passlib => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, to_bcrypt64(&self.salt).as_bytes());
                Zeroizing::new(BASE64_STANDARD.encode(hmac::sign(&key, password)).into_bytes())
            }
        };
        let mut key = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
        key.extend(hashed.iter().chain([&0]).take(KEY_BYTES));
        let computed = bcrypt::bcrypt(self.cost, self.salt, &key);
        // The encoding has no room for the last byte.
        verify_slices_are_equal(&computed[..self.output.len()], &self.output).is_ok()
    }

    pub(super) fn to_text(&self) -> String {
        let (cost, salt, output) = (self.cost, to_bcrypt64(&self.salt), to_bcrypt64(&self.output));
        match self.prehash {
            Prehash::None => format!("$2b${cost:02}${salt}{output}"),
            Prehash::Django => format!("bcrypt_sha256$$2b${cost:02}${salt}{output}"),
            Prehash::Passlib => format!("$bcrypt-sha256$v=2,t=2b,r={cost}${salt}${output}"),
        }
    }
}
