use std::ops::Range;

/// Token count and bracket depth of a document, computed without parsing it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LexicalStats {
    /// The number of tokens.
    pub(super) tokens: usize,
    /// The maximum depth of nested brackets, excluding those in strings and comments.
    pub(super) brackets: usize,
    /// The length of the longest name, in bytes.
    pub(super) longest_name: usize,
    /// The strings that may contain escapes of characters beyond U+FFFF, including their quotation marks.
    pub(super) escaped: Vec<Range<usize>>,
}

impl LexicalStats {
    /// Scans a document by its lexical grammar (GraphQL specification §2.1), exactly as the parser reads it. Otherwise
    /// a bracket could look like part of a string here and make the parser recurse deeper than allowed.
    pub(super) fn scan(query: &str) -> Self {
        let (mut stats, mut depth) = (Self::default(), 0_usize);
        let mut rest = query.as_bytes();
        let mut has_open_block = false;
        while let Some((byte, mut after)) = rest.split_first() {
            stats.tokens += usize::from(!byte.is_ascii_whitespace() && ![b',', b'#'].contains(byte));
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                b'#' => after = skip_comment(after),
                // The parser reads the start of an unterminated block string as an empty string. No later block
                // string has an end either: searching for it each time would take quadratic time.
                b'"' if !has_open_block && after.starts_with(b"\"\"") => {
                    let end = skip_block_string(&after[2..]);
                    has_open_block = end.is_none();
                    after = end.unwrap_or(&after[1..]);
                }
                b'"' => {
                    after = skip_string(after);
                    let string = query.len() - rest.len()..query.len() - after.len();
                    if has_far_escape(&query.as_bytes()[string.clone()]) {
                        stats.escaped.push(string);
                    }
                }
                b'-' | b'0'..=b'9' => after = skip_number(rest),
                b'.' => after = after.strip_prefix(b"..").unwrap_or(after),
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    after = skip_while(after, |byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                    stats.longest_name = stats.longest_name.max(rest.len() - after.len());
                }
                _ => {}
            }
            stats.brackets = stats.brackets.max(depth);
            rest = after;
        }
        stats
    }
}

/// Whether a string may contain an escape in braces, or half of a surrogate pair.
fn has_far_escape(string: &[u8]) -> bool {
    string.windows(4).any(|window| match window {
        [b'\\', b'u', b'{', _] => true,
        [b'\\', b'u', b'd' | b'D', digit] => matches!(digit, b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F'),
        _ => false,
    })
}

/// Skips the leading bytes that satisfy a condition.
fn skip_while(text: &[u8], condition: impl Fn(&u8) -> bool) -> &[u8] {
    let end = text.iter().position(|byte| !condition(byte)).unwrap_or(text.len());
    &text[end..]
}

/// Skips a number exactly as the parser does, which reads a leading zero as a separate number.
fn skip_number(text: &[u8]) -> &[u8] {
    let digits = |text| skip_while(text, u8::is_ascii_digit);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut text = text.strip_prefix(b"0").unwrap_or_else(|| digits(text));
    if let [b'.', b'0'..=b'9', ..] = text {
        text = digits(&text[1..]);
    }
    match text {
        [b'e' | b'E', b'0'..=b'9', ..] => digits(&text[1..]),
        [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] => digits(&text[2..]),
        _ => text,
    }
}

/// Skips the rest of a comment, up to the end of its line.
fn skip_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| [b'\n', b'\r'].contains(byte));
    end.map_or(&[], |end| &text[end..])
}

/// Skips the rest of a block string. Returns `None` if it is unterminated. In a block string, a backslash escapes only
/// three quotation marks (GraphQL specification §2.9.4).
fn skip_block_string(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', b'"', b'"', rest @ ..] => return Some(rest),
            [b'\\', b'"', b'"', b'"', rest @ ..] | [_, rest @ ..] => rest,
            [] => return None,
        };
    }
}

/// Skips the rest of a string.
fn skip_string(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b'"' | b'\n', rest @ ..] => return rest,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
            [] => return text,
        };
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{
        Value,
        parser::{
            parse_query,
            types::{ExecutableDocument, Selection},
        },
    };
    use proptest::prelude::*;

    use super::LexicalStats;

    fn bracket_depth(query: &str) -> usize {
        LexicalStats::scan(query).brackets
    }

    #[test]
    fn tokens_are_counted_by_the_grammar() {
        let tokens = |query| LexicalStats::scan(query).tokens;
        assert_eq!(tokens("{ a(b: -1.5e+3, c: $d) @e ...F }"), 16);
        assert_eq!(tokens("0 10 -1 1.5 0.5e3 1E-9"), 6);
        // The parser reads each of these as several values without spaces between them.
        for (several, count) in [("1-1-1", 3), ("000", 3), ("a-1b-1", 4), ("e-1e-1", 2), ("1.5.5", 3)] {
            assert_eq!(tokens(several), count, "{several}");
        }
        assert_eq!(tokens("...a...b"), 4);
        assert_eq!(tokens("# { a }\n\"a b { c\" \"\"\" { \"\"\" , ,"), 2);
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        assert_eq!(bracket_depth("{ a(b: [1, {c: 2}]) { d } }"), 4);
        assert_eq!(bracket_depth(&"[#]\n".repeat(50)), 50);
        assert_eq!(bracket_depth(&"[\"]\"".repeat(50)), 50);
        assert_eq!(bracket_depth(&"[\"\"\"]\"\"\"".repeat(50)), 50);
        assert_eq!(bracket_depth(&"[\"\\\"]\"".repeat(50)), 50);
        assert_eq!(bracket_depth("\"[[[[\" # {{{{\n{ a }"), 1);
        assert_eq!(bracket_depth("\"\"\" \" [[[ \\\"\"\" [ \"\"\" { a }"), 1);
        assert_eq!(bracket_depth("\"unterminated ]\n[[[ \\"), 3);
        // The parser reads an unterminated block string as two strings, and a backslash in a block string literally.
        assert_eq!(bracket_depth("\"\"\"a\"[[["), 3);
        assert_eq!(bracket_depth("\"\"\" \\\\\"\"\" ] \"\"\"[[["), 3);
    }

    /// The nesting depth of lists and objects in a value.
    fn depth(value: &Value) -> usize {
        match value {
            Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// An item of a list, or text that a scanner may misread.
    fn item() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "1",
            "a",
            "$v",
            ",",
            "\n",
            "\r",
            "\u{feff}",
            "é",
            "\"\"",
            "\"[\"",
            "\"\\\"[\"",
            "\"\\\\\"",
            "\"é\"",
            "\"\"\"[\"\"\"",
            "\"\"\"\\\"\"\" \"\"\"",
            "\"\"\"\\\\\"\"\"",
            "\"\"\"\"\"\"",
            "\"\"\"[\"",
            "\"\"\"\"",
            "#[\n",
            "#\"\r",
            "# \"\"\"\n",
            "{a:1}",
            "\"\"\"",
            "\"",
            "\\",
        ]);
        word.prop_map(ToOwned::to_owned).prop_recursive(6, 64, 6, |inner| {
            prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(" ")))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn no_bracket_that_the_parser_sees_is_missed(items in prop::collection::vec(item(), 0..6)) {
            let query = format!("{{ a(b: [{}]) }}", items.concat());
            if let Ok(document) = parse_query(&query) {
                prop_assert!(bracket_depth(&query) >= 2 + depth(&argument(&document)), "{query}");
            }
        }
    }

    /// The argument of the field in the document above.
    fn argument(document: &ExecutableDocument) -> Value {
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
            panic!("a field")
        };
        let value = field.node.get_argument("b").expect("an argument").node.clone();
        value.into_const_with(|_| Ok::<_, ()>(Value::Null)).expect("a variable is null")
    }
}
