//! Passwords in memory: normalised, limited in length, never printed, wiped on drop.

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization as _;

/// The maximum length of any password, Unicode code points after NFKC.
///
/// A [`Policy`](super::Policy) may set a lower maximum but no higher one, because a longer password never matches.
pub const MAX_CHARACTERS: usize = 256;

/// The maximum size of input that is normalised, bytes. Several characters may become one (Hangul jamo, letters with
/// combining marks), and sixteen bytes for each leave enough room.
const MAX_RAW_BYTES: usize = 16 * MAX_CHARACTERS;

/// A new password that has met the policy, or that is imported. [`Hasher::hash`](super::Hasher::hash) accepts no other
/// type, and only [`Policy`](super::Policy) and [`NewPassword::imported`] create one.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Takes over a password of another system, whose owner must be able to sign in with it although it may not meet the
    /// policy. Returns `None` if it is empty, or so long that it never matches.
    #[must_use]
    pub fn imported(raw: &str) -> Option<Self> {
        normalise(raw).filter(|text| !text.expose_secret().is_empty()).map(Self)
    }

    /// Wraps a text that has met the policy.
    pub(super) fn accepted(text: SecretString) -> Self {
        Self(text)
    }

    /// The text in NFKC.
    pub(super) fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The password of a sign-in attempt. No policy applies, and creating one never fails.
#[derive(Clone, Debug)]
pub struct PasswordAttempt {
    /// The text in NFKC. `None` if it was too long.
    text: Option<SecretString>,
    /// The text as it was typed, if it is not in NFKC.
    typed: Option<SecretString>,
}

impl PasswordAttempt {
    /// Normalises raw input. Input of more than [`MAX_CHARACTERS`] is discarded: it matches no hash, but its
    /// verification takes as long as any other.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        let text = normalise(raw);
        let differs = text.as_ref().is_some_and(|text| text.expose_secret() != raw);
        Self { text, typed: differs.then(|| SecretString::from(raw)) }
    }

    /// The text in NFKC. `None` if it was too long, so that it must not match.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The text as it was typed, and in NFKC if that differs. One empty text if it was too long.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &str> {
        let normal = self.text().unwrap_or_default();
        self.typed.as_ref().map(ExposeSecret::expose_secret).into_iter().chain([normal])
    }
}

/// Normalises to NFKC. Returns `None` if the result has more than [`MAX_CHARACTERS`].
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
    // With the exact capacity, because a string that grows or shrinks leaves unwiped copies behind.
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
    fn a_short_or_unprintable_attempt_is_kept() {
        assert_eq!(PasswordAttempt::new("").text(), Some(""));
        assert_eq!(PasswordAttempt::new("a\0b").text(), Some("a\0b"));
    }

    #[test]
    fn enormous_input_is_not_normalised() {
        assert!(PasswordAttempt::new(&"\u{fdfa}".repeat(3_000_000)).text().is_none());
    }

    #[test]
    fn a_password_is_never_printed() {
        let attempt = format!("{:?}", PasswordAttempt::new("open sesame"));
        let accepted = format!("{:?}", NewPassword::accepted("open sesame".into()));
        assert!(!attempt.contains("sesame") && !accepted.contains("sesame"));
    }
}
