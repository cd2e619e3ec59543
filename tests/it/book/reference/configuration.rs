//! The keys of the configuration: their defaults as `portcullis config` shows them, and their meaning as the annotated
//! example says it.

use std::{collections::BTreeMap, fmt::Write, fs, mem, path::Path};

use serde_json::Value;

use super::super::page::{self, Page};
use crate::cli::Place;

/// A paragraph of the example.
#[derive(Default)]
struct Part {
    /// The section that begins here, with the comment above it.
    section: Option<(String, Vec<String>)>,
    /// The comment on the keys.
    comment: Vec<String>,
    /// The keys without their section, and the values that the example gives them.
    keys: Vec<(String, String)>,
}

pub(super) fn generate() -> String {
    let defaults = defaults();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("portcullis.example.toml");
    let example = fs::read_to_string(path).expect("the example is there");
    // The introduction of the example repeats that of the page.
    let (_, example) = example.split_once("working directory.\n\n").expect("an introduction");

    let mut page = String::from("## General\n");
    let mut section = String::new();
    let mut described = Vec::new();
    for part in example.split("\n\n").map(Part::parse) {
        if let Some((name, comment)) = &part.section {
            let _ = write!(page, "\n## `[{name}]`\n{}", paragraph(comment));
            section = format!("{name}.");
        }
        let keys = part.keys.iter().map(|(key, value)| (format!("{section}{key}"), value.as_str()));
        // A section may be a key itself, if the operator chooses the names in it.
        let table = part.section.iter().map(|(name, _)| (name.clone(), ""));
        let keys: Vec<_> = table.chain(keys).filter(|(key, _)| defaults.contains_key(key)).collect();
        if !part.comment.is_empty() && !keys.is_empty() {
            let names: Vec<_> = keys.iter().map(|(key, _)| format!("`{key}`")).collect();
            let _ = writeln!(page, "\n### {}", names.join(", "));
        }
        page.push_str(&paragraph(&part.comment));
        page.push_str(if keys.is_empty() { "" } else { "\n" });
        for (key, value) in keys {
            page.push_str(&describe(&key, value, &defaults[&key]));
            described.push(key);
        }
    }
    let missing: Vec<_> = defaults.keys().filter(|key| !described.contains(key)).collect();
    assert!(missing.is_empty(), "the example does not have {missing:?}");
    page
}

/// One key: its type, its default and its variable.
fn describe(key: &str, example: &str, default: &Value) -> String {
    let kind = match default {
        Value::Bool(_) => "`true` or `false`",
        Value::Number(_) => "number",
        Value::Array(_) => "list",
        Value::Object(_) => "table",
        Value::String(text) if is_duration(text) => "duration",
        _ if example.starts_with('"') => "text",
        _ => "number",
    };
    let default = match default {
        Value::Null => "not set".to_owned(),
        Value::String(text) => format!("default `\"{text}\"`"),
        Value::Object(_) => "empty by default".to_owned(),
        value => format!("default `{}`", value.to_string().replace(',', ", ")),
    };
    let variable = format!("PORTCULLIS_{}", key.replace('.', "__").to_uppercase());
    format!("- `{key}`: {kind}, {default}, `{variable}`\n")
}

/// Whether a text is a duration such as `1h 30m`.
fn is_duration(text: &str) -> bool {
    let is_part = |part: &str| {
        let number = part.trim_end_matches(char::is_alphabetic);
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && number != part
    };
    text.split(' ').all(is_part)
}

/// All keys and their defaults.
fn defaults() -> BTreeMap<String, Value> {
    let entries = Place::bare().run("config --json").json();
    let entry = |entry: &Value| {
        let key = entry["key"].as_str().expect("a key").to_owned();
        // A derived value depends on the machine or on another key.
        let is_default = entry["source"] == "default";
        (key, if is_default { entry["value"].clone() } else { Value::Null })
    };
    entries.as_array().expect("a list").iter().map(entry).collect()
}

impl Part {
    fn parse(text: &str) -> Self {
        let mut part = Self::default();
        for line in text.lines() {
            let bare = line.trim_start_matches("# ");
            if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                part.section = Some((section.to_owned(), mem::take(&mut part.comment)));
            } else if let Some((key, value)) = assignment(bare) {
                part.keys.push((key.to_owned(), value.to_owned()));
            } else {
                part.comment.push(bare.to_owned());
            }
        }
        part
    }
}

/// The key and the value of a line, if it is an assignment.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_key.then_some((key, value))
}

/// A comment as a paragraph of the page.
fn paragraph(comment: &[String]) -> String {
    if comment.is_empty() {
        return String::new();
    }
    let mut text = comment.join(" ").replace("SECURITY.md", "[SECURITY.md](../SECURITY.md)");
    for Page { path, .. } in page::below("docs") {
        let name = path.trim_start_matches("docs/");
        text = text.replace(&path, &format!("[{path}]({name})"));
    }
    format!("\n{}\n", wrapped(&text))
}

/// The text in lines of at most 120 characters, with each code span on one line.
fn wrapped(text: &str) -> String {
    let is_code = |index: usize| index % 2 == 1;
    let joined =
        |(index, part): (usize, &str)| if is_code(index) { part.replace(' ', "\u{a0}") } else { part.into() };
    let text = text.split('`').enumerate().map(joined).collect::<Vec<_>>().join("`");
    let (mut wrapped, mut width) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 120 {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
            width += 1;
        }
        wrapped.push_str(word);
        width += length;
    }
    wrapped.replace('\u{a0}', " ")
}
