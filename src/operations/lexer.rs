use std::ops::Range;

/// What a document looks like from afar.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LexicalStats {
    /// How many tokens it has.
    pub(super) tokens: usize,
    /// How deep its brackets are nested, those in strings and comments left out.
    pub(super) brackets: usize,
    /// The length of the longest name, in bytes.
    pub(super) longest_name: usize,
    /// Where strings stand that may have escapes of characters beyond U+FFFF, with their quotation marks.
    pub(super) escaped: Vec<Range<usize>>,
}

impl LexicalStats {
    /// Reads a document by its lexical grammar (GraphQL specification §2.1), as the parser has it: what is
    /// a bracket to the parser must not seem to be in a string.
    pub(super) fn scan(query: &str) -> Self {
        let (mut shape, mut depth) = (Self::default(), 0_usize);
        let mut rest = query.as_bytes();
        let mut has_open_block = false;
        while let Some((byte, mut after)) = rest.split_first() {
            shape.tokens += usize::from(!byte.is_ascii_whitespace() && ![b',', b'#'].contains(byte));
            match byte {
                b'{' | b'[' | b'(' => depth += 1,
                b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                b'#' => after = behind_line(after),
                // A block string without an end is none: its first two quotation marks are an empty string.
                // No later one has an end then, and looking for it each time would take forever.
                b'"' if !has_open_block && after.starts_with(b"\"\"") => {
                    let behind = behind_block_string(&after[2..]);
                    has_open_block = behind.is_none();
                    after = behind.unwrap_or(&after[1..]);
                }
                b'"' => {
                    after = behind_string(after);
                    let string = query.len() - rest.len()..query.len() - after.len();
                    if has_far_escape(&query.as_bytes()[string.clone()]) {
                        shape.escaped.push(string);
                    }
                }
                b'-' | b'0'..=b'9' => after = behind_number(rest),
                b'.' => after = after.strip_prefix(b"..").unwrap_or(after),
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    after = behind(after, |byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                    shape.longest_name = shape.longest_name.max(rest.len() - after.len());
                }
                _ => {}
            }
            shape.brackets = shape.brackets.max(depth);
            rest = after;
        }
        shape
    }
}

/// Whether a string may have an escape in braces, or half of a surrogate pair.
fn has_far_escape(string: &[u8]) -> bool {
    string.windows(4).any(|window| match window {
        [b'\\', b'u', b'{', _] => true,
        [b'\\', b'u', b'd' | b'D', digit] => matches!(digit, b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F'),
        _ => false,
    })
}

/// The text behind as many of these bytes as there are.
fn behind(text: &[u8], is_one: impl Fn(&u8) -> bool) -> &[u8] {
    let end = text.iter().position(|byte| !is_one(byte)).unwrap_or(text.len());
    &text[end..]
}

/// The text behind a number. It goes no further than the parser's, which takes a zero for a number of its own.
fn behind_number(text: &[u8]) -> &[u8] {
    let digits = |text| behind(text, u8::is_ascii_digit);
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

fn behind_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| [b'\n', b'\r'].contains(byte));
    end.map_or(&[], |end| &text[end..])
}

/// The text behind a block string that has begun, where it ends. In it, a backslash escapes three quotation
/// marks and nothing else (GraphQL specification §2.9.4).
fn behind_block_string(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', b'"', b'"', behind @ ..] => return Some(behind),
            [b'\\', b'"', b'"', b'"', behind @ ..] | [_, behind @ ..] => behind,
            [] => return None,
        };
    }
}

/// The text behind a string that has begun.
fn behind_string(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b'"' | b'\n', behind @ ..] => return behind,
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
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
    fn tokens_are_counted_as_the_grammar_has_them() {
        let tokens = |query| LexicalStats::scan(query).tokens;
        assert_eq!(tokens("{ a(b: -1.5e+3, c: $d) @e ...F }"), 16);
        assert_eq!(tokens("0 10 -1 1.5 0.5e3 1E-9"), 6);
        // What the parser takes for several values without a space between them.
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
        // The parser takes a block string without an end for two strings, and a backslash in one for itself.
        assert_eq!(bracket_depth("\"\"\"a\"[[["), 3);
        assert_eq!(bracket_depth("\"\"\" \\\\\"\"\" ] \"\"\"[[["), 3);
    }

    /// How deep the lists and objects of a value are nested.
    fn depth(value: &Value) -> usize {
        match value {
            Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// What may stand in a list, and where a scanner may lose its way.
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

    /// The value that the document above hands to its field.
    fn argument(document: &ExecutableDocument) -> Value {
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else {
            panic!("a field")
        };
        let value = field.node.get_argument("b").expect("an argument").node.clone();
        value.into_const_with(|_| Ok::<_, ()>(Value::Null)).expect("a variable is null")
    }
}
