use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{SecretString, zeroize::Zeroizing};

use crate::secret::{NoRandomBytes, fill_random};

/// The codes of a set.
pub(super) const CODES: usize = 10;

/// The characters of a code: 80 bits, which cannot be guessed even from a hash.
const CHARS: usize = 16;

/// Crockford's base 32: digits and letters that are not confused with each other.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Generates a code: four groups of four characters.
pub(super) fn generate() -> Result<SecretString, NoRandomBytes> {
    let mut bytes = Zeroizing::new([0; CHARS]);
    fill_random(bytes.as_mut())?;
    let mut code = Zeroizing::new(String::with_capacity(CHARS + 3));
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(code.as_str().into())
}

/// The hash by which a code is found. Case and separators do not matter, and letters that look like digits are those.
/// `None` for a text that cannot be a code.
pub(super) fn hash(text: &str) -> Option<Vec<u8>> {
    // A bound before the copy. No person types more separators than characters.
    if text.len() > 4 * CHARS {
        return None;
    }
    let characters = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let canonical = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let code: Zeroizing<String> = Zeroizing::new(characters.map(canonical).collect());
    let is_code = code.len() == CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte));
    is_code.then(|| digest(&SHA256, code.as_bytes()).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_code_has_the_same_hash_however_it_is_typed() {
        let code = generate().expect("random bytes");
        let code = code.expose_secret();
        assert_eq!(code.len(), CHARS + 3);
        let expected = hash(code).expect("a code");
        for typed in [code.to_lowercase(), code.replace('-', ""), code.replace('-', " "), format!(" {code} ")]
        {
            assert_eq!(hash(&typed).as_ref(), Some(&expected), "{typed}");
        }
        assert_eq!(hash("oOiI-lL01-0000-0000"), hash("0011-1101-0000-0000"));
    }

    #[test]
    fn a_text_that_is_no_code_has_no_hash() {
        for text in
            ["", "0000-0000-0000-000", "0000-0000-0000-00000", "0000-0000-0000-000U", &"-".repeat(100)]
        {
            assert_eq!(hash(text), None, "{text:?}");
        }
    }
}
