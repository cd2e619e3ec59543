//! PBKDF2 (RFC 8018 §5.2) with HMAC.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

use super::{
    MalformedHash,
    encoding::{check_lengths, from_base64, from_hex, number, parts, to_base64, value},
    within,
};

/// The maximum number of iterations, with each block of the output counted. It takes one to two seconds of a core.
const MAX_ITERATIONS: u32 = 5_000_000;

/// A PBKDF2 hash.
#[derive(Clone)]
pub(in super::super) struct Pbkdf2Hash {
    digest: Digest,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

/// The hash function below HMAC.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    fn from_name(name: &str) -> Result<Self, MalformedHash> {
        match name {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(MalformedHash::Syntax),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

impl Pbkdf2Hash {
    pub(super) fn parse(text: &str) -> Result<Self, MalformedHash> {
        if let Some(rest) = text.strip_prefix("$pbkdf2") {
            return Self::from_phc(rest);
        }
        if let Some(rest) = text.strip_prefix("pbkdf2_") {
            // Django. The salt is text.
            let [digest, iterations, salt, output] = parts(rest, '$')?;
            return Self::new(Digest::from_name(digest)?, iterations, salt.into(), from_base64(output)?);
        }
        if let Some(rest) = text.strip_prefix("pbkdf2:") {
            // Werkzeug. The salt is text.
            let [parameters, salt, output] = parts(rest, '$')?;
            let [digest, iterations] = parts(parameters, ':')?;
            return Self::new(Digest::from_name(digest)?, iterations, salt.into(), from_hex(output)?);
        }
        // The first five bytes of ASP.NET Core Identity's version 3.
        if text.starts_with("AQAAAA") { Self::from_asp_net(text) } else { Err(MalformedHash::Syntax) }
    }

    /// `-sha256$i=600000,l=32$salt$output` (PHC), or `-sha256$29000$salt$output` (passlib). Without a digest, it is SHA-1.
    fn from_phc(rest: &str) -> Result<Self, MalformedHash> {
        let [digest, parameters, salt, output] = parts(rest, '$')?;
        let digest = match digest.strip_prefix('-') {
            Some(name) => Digest::from_name(name)?,
            None if digest.is_empty() => Digest::Sha1,
            None => return Err(MalformedHash::Syntax),
        };
        let output = from_base64(output)?;
        let iterations = match parameters.split_once(',') {
            Some((iterations, length)) => {
                if number(value(length, "l")?)? as usize != output.len() {
                    return Err(MalformedHash::Incomplete);
                }
                value(iterations, "i")?
            }
            None => parameters.strip_prefix("i=").unwrap_or(parameters),
        };
        Self::new(digest, iterations, from_base64(salt)?, output)
    }

    /// The base64 of: format 1, the digest, the iterations, the length of the salt (32 bits each, big-endian), the salt
    /// and the output.
    fn from_asp_net(text: &str) -> Result<Self, MalformedHash> {
        let bytes = from_base64(text)?;
        let (header, rest) = bytes.split_at_checked(13).ok_or(MalformedHash::Incomplete)?;
        let field =
            |at: usize| header[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let digest = match field(1) {
            0 => Digest::Sha1,
            1 => Digest::Sha256,
            2 => Digest::Sha512,
            _ => return Err(MalformedHash::Syntax),
        };
        let (salt, output) = rest.split_at_checked(field(9) as usize).ok_or(MalformedHash::Incomplete)?;
        Self::new(digest, &field(5).to_string(), salt.into(), output.into())
    }

    fn new(digest: Digest, iterations: &str, salt: Vec<u8>, output: Vec<u8>) -> Result<Self, MalformedHash> {
        check_lengths(&salt, &output)?;
        let blocks = u32::try_from(output.len().div_ceil(digest.bytes())).unwrap_or(u32::MAX);
        let iterations = number(iterations)?;
        within("number of iterations", iterations, (1u32, MAX_ITERATIONS / blocks))?;
        Ok(Self {
            digest,
            iterations: iterations.try_into().map_err(|_| MalformedHash::Syntax)?,
            salt,
            output,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> bool {
        pbkdf2::verify(self.digest.algorithm(), self.iterations, &self.salt, password, &self.output).is_ok()
    }

    pub(super) fn to_text(&self) -> String {
        let (salt, output) = (to_base64(&self.salt), to_base64(&self.output));
        let (digest, iterations, length) = (self.digest.name(), self.iterations, self.output.len());
        format!("$pbkdf2-{digest}$i={iterations},l={length}${salt}${output}")
    }
}
