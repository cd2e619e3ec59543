//! The form of a personal access token: `ppat_`, 30 random characters, and a checksum of 6 characters.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use flate2::Crc;
use secrecy::{ExposeSecret, SecretString};

/// The prefix, by which people and secret scanners recognise a token.
const PREFIX: &str = "ppat_";

/// The digits of base 62, in the order of their values.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The number of random characters: 178 bits of entropy.
const RANDOM_CHARS: usize = 30;

/// The number of characters of the checksum. 62^6 exceeds 2^32.
const CHECKSUM_CHARS: usize = 6;

/// The number of characters of a token that its owner sees later.
const HINT_CHARS: usize = PREFIX.len() + 4;

/// SHA-256 of a token: the only form in which the server keeps it.
pub(super) type TokenHash = [u8; 32];

/// Generates a token.
///
/// # Panics
/// When the system provides no random bytes, because no secret can be created then.
pub(super) fn generate() -> SecretString {
    let mut random = String::with_capacity(RANDOM_CHARS);
    while random.len() < RANDOM_CHARS {
        let mut bytes = [0; RANDOM_CHARS];
        rand::fill(&mut bytes).expect("the system provides random bytes");
        // The bytes from 248 on are left out: with them the first digits would be more likely than the others.
        let digits =
            bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(DIGITS[usize::from(byte % 62)]));
        random.extend(digits.take(RANDOM_CHARS - random.len()));
    }
    format!("{PREFIX}{random}{}", checksum(&random)).into()
}

/// The first characters of a token. They are stored, so that its owner recognises it.
pub(super) fn hint(token: &SecretString) -> String {
    token.expose_secret().chars().take(HINT_CHARS).collect()
}

/// Whether a bearer token is meant as a personal access token, valid or not.
pub(super) fn has_prefix(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The hash of a token. `None` if the text has another form or a wrong checksum, so that a mistyped or truncated token
/// causes no query.
pub(super) fn hash(token: &str) -> Option<TokenHash> {
    let body = token.strip_prefix(PREFIX)?;
    if body.len() != RANDOM_CHARS + CHECKSUM_CHARS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let (random, given) = body.split_at(RANDOM_CHARS);
    if checksum(random) != given {
        return None;
    }
    let mut hash = TokenHash::default();
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    Some(hash)
}

/// The checksum: CRC-32 (ISO-HDLC) of the random characters, in base 62 with leading zeros, as in the tokens of GitHub.
fn checksum(random: &str) -> String {
    let mut crc = Crc::new();
    crc.update(random.as_bytes());
    let mut rest = crc.sum();
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_guide() {
        // The check value of CRC-32/ISO-HDLC is 0xCBF43926, which is 3421780262.
        assert_eq!(checksum("123456789"), "3jZRME");
        assert_eq!(checksum(""), "000000");
    }

    #[test]
    fn a_generated_token_has_the_form_that_scanners_know() {
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let token = generate();
            let text = token.expose_secret();
            assert!(hash(text).is_some(), "{text}");
            assert_eq!(text.len(), 41);
            assert_eq!(hint(&token), text[..9]);
            seen.extend(text[PREFIX.len()..PREFIX.len() + RANDOM_CHARS].bytes());
        }
        assert_eq!(seen.len(), DIGITS.len(), "every digit occurs");
    }

    proptest! {
        #[test]
        fn an_altered_token_has_no_hash(at in 0_usize..41, to in "[0-9A-Za-z_ ]") {
            let token = generate().expose_secret().to_owned();
            let mut altered = token.clone();
            altered.replace_range(at..=at, &to);
            prop_assert!(altered == token || hash(&altered).is_none());
        }

        #[test]
        fn no_other_text_has_a_hash(text in "(ppat_)?.{0,60}") {
            prop_assert!(hash(&text).is_none());
        }
    }
}
