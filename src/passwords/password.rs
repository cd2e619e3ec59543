//! A password in memory: normalised, bounded, never printed, wiped on drop.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization as _;

/// The most characters that any password has, as Unicode code points after NFKC.
///
/// A [`Policy`](super::Policy) may ask for fewer, never for more: what is longer can never match.
pub const MAX_CHARACTERS: usize = 256;

/// The most bytes that we normalise. A character of a bounded password may have been several before
/// (Hangul jamo, letters with combining marks); sixteen bytes each leave room for all of them.
const MAX_RAW_BYTES: usize = 16 * MAX_CHARACTERS;

/// A new password that has met the policy. The only thing that
/// [`Hasher::hash`](super::Hasher::hash) takes, and only [`Policy`](super::Policy) makes one.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Takes text that has met the policy.
    pub(super) fn accepted(text: SecretString) -> Self {
        Self(text)
    }

    /// The text, NFKC.
    pub(super) fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What somebody typed to sign in. No policy applies, and making one never fails.
#[derive(Clone, Debug)]
pub struct PasswordAttempt(Option<SecretString>);

impl PasswordAttempt {
    /// Takes `raw` as it came in. Input over [`MAX_CHARACTERS`] is not kept: it matches no hash,
    /// yet verifying it costs as much as any other.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self(normalise(raw))
    }

    /// The text, NFKC; nothing if it was over-long and so must not match.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_ref().map(ExposeSecret::expose_secret)
    }
}

/// `raw` in NFKC; nothing if that is over [`MAX_CHARACTERS`].
pub(super) fn normalise(raw: &str) -> Option<SecretString> {
    if raw.len() > MAX_RAW_BYTES {
        return None;
    }
    let (characters, bytes) = raw
        .nfkc()
        .take(MAX_CHARACTERS + 1)
        .fold((0, 0), |(characters, bytes), c| (characters + 1, bytes + c.len_utf8()));
    if characters > MAX_CHARACTERS {
        return None;
    }
    // Exactly as long as it must be: a string that grows or shrinks leaves unwiped copies behind.
    let mut text = String::with_capacity(bytes);
    raw.nfkc().for_each(|c| text.push(c));
    Some(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        PasswordAttempt::new(a).text() == PasswordAttempt::new(b).text()
    }

    #[test]
    fn compatible_spellings_are_one_password() {
        assert!(same("e\u{301}t\u{e9}", "\u{e9}te\u{301}"));
        assert!(same("\u{fb01}sh and chips", "fish and chips"));
        assert!(same("ｆｕｌｌ　ｗｉｄｔｈ", "full width"));
        assert!(same("no\u{a0}break", "no break"));
        assert!(!same("Case", "case"));
        assert!(!same("space ", "space"));
    }

    #[test]
    fn length_is_counted_in_characters_after_normalising() {
        assert!(PasswordAttempt::new(&"🦀".repeat(256)).text().is_some());
        assert!(PasswordAttempt::new(&"🦀".repeat(257)).text().is_none());
        assert!(PasswordAttempt::new(&"e\u{301}".repeat(256)).text().is_some());
        assert!(PasswordAttempt::new(&"\u{fb03}".repeat(86)).text().is_none());
    }

    #[test]
    fn a_short_or_unprintable_password_can_still_be_presented() {
        assert_eq!(PasswordAttempt::new("").text(), Some(""));
        assert_eq!(PasswordAttempt::new("a\0b").text(), Some("a\0b"));
    }

    #[test]
    fn enormous_input_is_not_even_normalised() {
        assert!(PasswordAttempt::new(&"\u{fdfa}".repeat(3_000_000)).text().is_none());
    }

    #[test]
    fn a_password_is_never_printed() {
        let attempt = format!("{:?}", PasswordAttempt::new("open sesame"));
        let accepted = format!("{:?}", NewPassword::accepted("open sesame".into()));
        assert!(!attempt.contains("sesame") && !accepted.contains("sesame"));
    }
}
