use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

use crate::secret::{NoRandomBytes, fill_random};

/// The number of codes: all of eight digits.
const CODES: u32 = 100_000_000;

/// A random code: eight digits, all equally likely.
pub(super) fn random_code() -> Result<SecretString, NoRandomBytes> {
    loop {
        let mut bytes = [0; 4];
        fill_random(&mut bytes)?;
        let number = u32::from_le_bytes(bytes);
        // Numbers above the last whole multiple would make some codes more likely.
        if number < u32::MAX - u32::MAX % CODES {
            return Ok(format!("{:08}", number % CODES).into());
        }
    }
}

/// The hash of a code. It is bound to the challenge, so that equal codes have different hashes.
pub(super) fn hash_code(key: &hmac::Key, challenge: &SecretString, code: &SecretString) -> Vec<u8> {
    hmac::sign(key, &code_data(challenge.expose_secret(), code.expose_secret())).as_ref().to_vec()
}

/// Whether a code has this hash, under one of the keys. The time does not depend on the code.
pub(super) fn is_code(keys: &[hmac::Key], challenge: &str, code: &str, hash: &[u8]) -> bool {
    let data = code_data(challenge, code);
    keys.iter().any(|key| hmac::verify(key, &data, hash).is_ok())
}

fn code_data(challenge: &str, code: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(format!("{challenge} {code}").into_bytes())
}

/// The digits of a code that a person typed, who may have separated them. `None` if they are not eight digits.
pub(super) fn typed_digits(text: &str) -> Option<String> {
    // A bound before the copy. No person types more separators than digits.
    if text.len() > 32 {
        return None;
    }
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    (digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_eight_digits_however_they_are_separated() {
        for text in ["12345678", "1234 5678", " 1234-5678 ", "12 34 56 78"] {
            assert_eq!(typed_digits(text).as_deref(), Some("12345678"), "{text:?}");
        }
        for refused in ["", "1234567", "123456789", "1234567a", "１２３４５６７８", &" ".repeat(100)]
        {
            assert_eq!(typed_digits(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn codes_have_eight_digits() {
        for _ in 0..100 {
            let code = random_code().expect("random bytes");
            assert_eq!(typed_digits(code.expose_secret()).as_deref(), Some(code.expose_secret()));
        }
    }

    #[test]
    fn a_code_counts_with_its_challenge_only() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let hash = hash_code(&key, &"challenge".into(), &"12345678".into());
        let keys = [hmac::Key::new(hmac::HMAC_SHA256, &[2; 32]), key];
        assert!(is_code(&keys, "challenge", "12345678", &hash));
        assert!(!is_code(&keys, "another", "12345678", &hash));
        assert!(!is_code(&keys, "challenge", "12345679", &hash));
        assert!(!is_code(&keys[..1], "challenge", "12345678", &hash));
    }
}
