use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 hash of a document's text, by which the document store finds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DocumentHash([u8; 32]);

impl DocumentHash {
    /// The hash of a document's text.
    pub(super) fn of(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }

    /// Parses 64 hexadecimal digits. `None` if the text is anything else.
    pub(super) fn parse(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes().chunks_exact(2).map(|digits| {
            let [high, low] = [digits[0], digits[1]].map(|digit| char::from(digit).to_digit(16));
            u8::try_from(high? << 4 | low?).ok()
        });
        let bytes: Vec<u8> = digits.collect::<Option<_>>()?;
        (hex.len() == 64).then_some(bytes)?.try_into().ok().map(Self)
    }

    /// Whether `hex` is this hash in hexadecimal.
    pub(super) fn is(&self, hex: &str) -> bool {
        Self::parse(hex).is_some_and(|other| other == *self)
    }
}
