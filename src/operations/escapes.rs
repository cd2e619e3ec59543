//! Escapes of characters beyond U+FFFF in the strings of a document: `\ud83d\ude80` and `\u{1F680}` (GraphQL
//! specification, September 2025, §2.9.4). The parser (async-graphql-parser 8.0.0-rc.5) rejects both.

use std::{borrow::Cow, iter::Peekable, ops::Range, str::CharIndices};

use crate::graphql::{ApiError, ErrorCode};

/// Maximum number of hexadecimal digits of an escape in braces, including leading zeros.
const MAX_DIGITS: usize = 8;

/// Replaces the escapes in these strings by their characters, because the parser rejects the escapes. A shortened
/// string is followed by spaces, so that all later tokens keep their positions.
///
/// # Errors
/// `GRAPHQL_PARSE_FAILED` for an escape that encodes no character, such as half of a surrogate pair.
pub(super) fn resolve<'a>(document: &'a str, strings: &[Range<usize>]) -> Result<Cow<'a, str>, ApiError> {
    if strings.is_empty() {
        return Ok(document.into());
    }
    let mut resolved = String::with_capacity(document.len());
    let mut end = 0;
    for string in strings {
        let text = &document[string.clone()];
        let content = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        // The parser reports an unterminated string.
        let Some(content) = content.filter(|content| !content.contains(['\n', '\r'])) else { continue };
        let new = unescape(content).map_err(|at| invalid(&document[..string.start + 1 + at]))?;
        resolved.push_str(&document[end..string.start]);
        resolved.extend(["\"", &new, "\""]);
        let lost = content.chars().count().saturating_sub(new.chars().count());
        resolved.extend(std::iter::repeat_n(' ', lost));
        end = string.end;
    }
    resolved.push_str(&document[end..]);
    Ok(resolved.into())
}

/// Rewrites the content of a string with the escapes that the parser supports. The error is the position of an invalid
/// escape.
fn unescape(content: &str) -> Result<String, usize> {
    let mut new = String::with_capacity(content.len());
    let mut rest = content.char_indices().peekable();
    while let Some((at, char)) = rest.next() {
        if char != '\\' {
            new.push(char);
            continue;
        }
        match rest.next() {
            Some((_, 'u')) => push(&mut new, character(&mut rest).ok_or(at)?),
            Some((_, escaped @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't'))) => {
                new.extend(['\\', escaped]);
            }
            _ => return Err(at),
        }
    }
    Ok(new)
}

/// Appends a character, escaped if a string cannot contain it unescaped.
fn push(text: &mut String, char: char) {
    match char {
        '"' | '\\' => text.extend(['\\', char]),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        char => text.push(char),
    }
}

/// Reads the code after `\u`, including the second half of a surrogate pair.
fn character(rest: &mut Peekable<CharIndices<'_>>) -> Option<char> {
    if rest.next_if(|(_, char)| *char == '{').is_some() {
        let mut digits = 0;
        let mut code: u32 = 0;
        while let Some((_, char)) = rest.next_if(|(_, char)| *char != '}') {
            digits += 1;
            code = code.checked_mul(16)? + char.to_digit(16).filter(|_| digits <= MAX_DIGITS)?;
        }
        rest.next().filter(|_| digits > 0)?;
        return char::from_u32(code);
    }
    let first = unit(rest)?;
    let units = if (0xd800..0xdc00).contains(&first) {
        rest.next_if(|(_, char)| *char == '\\')?;
        rest.next_if(|(_, char)| *char == 'u')?;
        vec![first, unit(rest)?]
    } else {
        vec![first]
    };
    char::decode_utf16(units).next()?.ok()
}

/// Reads four hexadecimal digits: a UTF-16 code unit.
fn unit(rest: &mut Peekable<CharIndices<'_>>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = rest.next()?.1.to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    Some(unit)
}

/// The error for an invalid escape that follows this part of a document.
fn invalid(before: &str) -> ApiError {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let message = format!("Syntax error at {line}:{column}: the escape in the string encodes no character.");
    ApiError::new(ErrorCode::ParseFailed, message)
}

#[cfg(test)]
mod tests {
    use async_graphql::{
        Positioned,
        parser::{parse_query, types::Selection},
    };
    use async_graphql_value::Value;
    use proptest::prelude::*;

    use super::{super::lexer::LexicalStats, *};

    #[test]
    fn escapes_are_replaced_by_their_characters() {
        for (content, expected) in [
            (r"\ud83d\ude80", "🚀"),
            (r"\uD83D\uDE80\u{1F680}", "🚀🚀"),
            (r"\u{0001f680}", "🚀"),
            (r"\u{10FFFF}\u{41}\u0041", "\u{10ffff}AA"),
            (r"\u{22}\u{5c}\u{A}\u{d}", r#"\"\\\n\r"#),
            (r#"\"\\\/\b\f\n\r\t"#, r#"\"\\\/\b\f\n\r\t"#),
            (r"\\u{1F680}", r"\\u{1F680}"),
        ] {
            assert_eq!(unescape(content).as_deref(), Ok(expected), "{content}");
        }
        for (content, at) in [
            (r"ab\ud83d", 2),
            (r"\ude80\ud83d", 0),
            (r"\ud83d\ud83d", 0),
            (r"\ud83d \ude80", 0),
            (r"\ud83d\n", 0),
            (r"\u{d83d}\u{de80}", 0),
            (r"\u{110000}", 0),
            (r"\u{}", 0),
            (r"\u{1F680", 0),
            (r"\u{000000041}", 0),
            (r"\u{ 41}", 0),
            (r"\u{1F680}\u00", 9),
            (r"é\q", 2),
            (r"\", 0),
        ] {
            assert_eq!(unescape(content), Err(at), "{content}");
        }
    }

    /// Spells a character: unescaped, as its UTF-16 code units, or as its code point.
    fn spell(char: char, form: u8) -> String {
        match form {
            0 if !['"', '\\', '\n', '\r'].contains(&char) => char.to_string(),
            0 | 1 => {
                let mut units = [0; 2];
                let units = char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}"));
                units.collect::<Vec<_>>().concat()
            }
            _ => format!("\\u{{{:x}}}", u32::from(char)),
        }
    }

    proptest! {
        #[test]
        fn the_parser_reads_every_spelling_and_nothing_behind_it_moves(
            pieces in prop::collection::vec((any::<char>(), 0_u8..3), 0..12),
        ) {
            let string: String = pieces.iter().map(|(char, form)| spell(*char, *form)).collect();
            let document = format!("{{ a(b: \"{string}\") c }}");
            let resolved = resolve(&document, &LexicalStats::scan(&document).escaped).expect("all are characters");
            let parsed = parse_query(&*resolved).expect("a document");
            let (_, operation) = parsed.operations.iter().next().expect("an operation");
            let [Positioned { node: Selection::Field(a), .. }, c] = &*operation.node.selection_set.node.items else {
                panic!("two fields")
            };
            let value = &a.node.get_argument("b").expect("an argument").node;
            let expected: String = pieces.iter().map(|(char, _)| char).collect();
            prop_assert_eq!(value, &Value::String(expected));
            prop_assert_eq!(c.pos.column, document.chars().count() - 2);
        }

        #[test]
        fn a_rewritten_string_is_no_longer_than_before(content in r#"(\\u\{[0-9a-fA-F]{1,6}\}|\\u[0-9a-fA-F]{4}|\\ud83d\\ude80|[a-z 🚀]|\\["\\/bfnrt]){0,20}"#) {
            if let Ok(new) = unescape(&content) {
                prop_assert!(new.chars().count() <= content.chars().count());
                let has_raw = new.contains('\n') || new.contains('\r');
                prop_assert!(!has_raw);
            }
        }
    }
}
