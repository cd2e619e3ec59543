//! Excerpts of input in messages. A document may contain a name of 200 kB. A message that quotes it in full
//! would be sent and logged once for each error.

/// Maximum length of a word in a message, in bytes. Names, ids and tokens are words. Our ids have 34 bytes.
const MAX_WORD_BYTES: usize = 160;

/// The number of bytes kept of a longer word: at its start, and at its end, where the quotation mark is.
const KEPT_AT_START: usize = 96;
const KEPT_AT_END: usize = 16;

/// Maximum length of a message, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Shortens each long word of a message, and then the message.
pub(super) fn shorten(message: &mut String) {
    let is_long = |word: &str| word.len() > MAX_WORD_BYTES;
    if message.split(char::is_whitespace).any(is_long) {
        let words = message.split_inclusive(char::is_whitespace);
        *message =
            words.map(|word| if is_long(word) { shorten_word(word) } else { word.to_owned() }).collect();
    }
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
}

/// Shortens a word that is too long for a message or a log line.
pub(crate) fn shorten_word(word: &str) -> String {
    if word.len() <= MAX_WORD_BYTES {
        return word.to_owned();
    }
    let start = &word[..word.floor_char_boundary(KEPT_AT_START)];
    let end = &word[word.ceil_char_boundary(word.len() - KEPT_AT_END)..];
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_name_is_cut_in_the_middle() {
        let mut message = format!("Unknown field \"{}\" on type \"Query\".", "a".repeat(200_000));
        shorten(&mut message);
        assert_eq!(
            message,
            format!("Unknown field \"{}…{}\" on type \"Query\".", "a".repeat(95), "a".repeat(14))
        );
    }

    proptest! {
        #[test]
        fn every_message_has_a_maximum_length(text in "(\\PC{0,400} ?){0,8}", times in 1_usize..40) {
            let mut message = text.repeat(times);
            let before = message.clone();
            shorten(&mut message);
            prop_assert!(message.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8());
            if before.len() <= MAX_WORD_BYTES {
                prop_assert_eq!(message, before);
            }
        }
    }
}
