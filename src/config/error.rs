use std::{io, path::PathBuf};

use figment::error::Kind;
use serde_json::Value;

use super::{InvalidValue, Source, nearest::nearest};

/// The reason why a configuration cannot be loaded. No message contains a value, because the value may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key does not exist.
    #[error("{key} is not a key of the configuration (set in {set_in}); {}{known}", match nearest {
        Some(nearest) => format!("did you mean {nearest}? "),
        None => String::new(),
    })]
    Unknown {
        /// The key, as `section.key`.
        key: String,
        /// The source of the value.
        set_in: Source,
        /// The key that was probably meant, as `section.key`.
        nearest: Option<String>,
        /// The valid keys of the section.
        known: String,
    },
    /// A value has the wrong type.
    #[error("{key} must be {expected} (set in {set_in})")]
    WrongType {
        /// The key, as `section.key`.
        key: String,
        /// The expected type.
        expected: String,
        /// The source of the value.
        set_in: Source,
    },
    /// A value is invalid.
    #[error("{invalid} ({})", match set_in {
        Source::Default => "this is its default".to_owned(),
        set_in => format!("set in {set_in}"),
    })]
    InvalidValue {
        /// The key, and what the value must be.
        invalid: InvalidValue,
        /// The source of the value.
        set_in: Source,
    },
    /// The configuration file is not valid TOML.
    #[error("{path} is not valid TOML: {message}")]
    Syntax {
        /// The path of the file.
        path: PathBuf,
        /// The position and the reason.
        message: String,
    },
    /// A file that a key or an option names cannot be read.
    #[error("{name} names the file {path}, which cannot be read: {source}")]
    File {
        /// The key or the option that contains the path.
        name: String,
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// An environment variable is not valid UTF-8.
    #[error("the environment variable {0} is not valid UTF-8")]
    NotUnicode(String),
    /// An error that no other variant describes.
    #[error("{0}")]
    Other(String),
    /// More than one error.
    #[error("the configuration has {} errors\n  {}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Several(Vec<Self>),
}

/// The expected values of keys whose type alone does not describe them.
const HINTS: [(&str, &str); 3] = [
    ("http.listen", "an IP address and a port, such as 127.0.0.1:4000"),
    ("http.trusted_proxies", "a list of IP addresses or networks, such as 10.0.0.0/8"),
    ("passwords.min_score", "a whole number from 0 to 4"),
];

impl ConfigError {
    /// The error for a value of the wrong type. The key's default shows the expected type.
    pub(super) fn wrong_type(key: String, kind: &Kind, default: Option<&Value>, set_in: Source) -> Self {
        if let Kind::UnknownField(_, known) = kind {
            return Self::unknown(key, known.iter().copied(), set_in);
        }
        let hint = HINTS.iter().find(|(hinted, _)| *hinted == key).map(|(_, hint)| (*hint).to_owned());
        let expected = hint.unwrap_or_else(|| expected(kind, default));
        Self::WrongType { key, expected, set_in }
    }

    /// The error for an unknown key. `known` has the valid keys of its section.
    pub(super) fn unknown<'a>(key: String, known: impl IntoIterator<Item = &'a str>, set_in: Source) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let (place, name, prefix) = match key.rsplit_once('.') {
            Some((section, name)) => (format!("the keys of [{section}]"), name, format!("{section}.")),
            None => ("the sections and keys".to_owned(), key.as_str(), String::new()),
        };
        let nearest = nearest(name, known.iter().copied()).map(|nearest| format!("{prefix}{nearest}"));
        Self::Unknown { known: format!("{place} are {}", known.join(", ")), nearest, key, set_in }
    }

    /// The single errors.
    #[must_use]
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several(errors) => errors,
            error => std::slice::from_ref(error),
        }
    }

    /// The error for a file that is not valid TOML. The parser's message quotes the line, which may contain a secret,
    /// so only the position and the reason are kept.
    pub(super) fn syntax(path: PathBuf, error: &figment::Error) -> Self {
        let text = error.to_string();
        let is_quoted = |line: &&str| {
            line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
        };
        let words: Vec<&str> =
            text.lines().filter(|line| !is_quoted(line) && !line.trim().is_empty()).collect();
        Self::Syntax { path, message: words.join(": ").replace("TOML parse error ", "") }
    }
}

/// The expected type, from the parser and the key's default.
fn expected(kind: &Kind, default: Option<&Value>) -> String {
    let wanted = match kind {
        Kind::UnknownVariant(_, variants) => return format!("one of {}", variants.join(", ")),
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => wanted.as_str(),
        _ => "",
    };
    match (default, wanted) {
        (_, "a duration") => "a duration such as 3s, 15m or 7d",
        (_, "u16") => "a whole number from 1 to 65535",
        (_, "u32") => "a whole number from 0 to 4294967295",
        (_, wanted) if wanted.contains("nonzero") => "a whole number of 1 or more",
        (Some(Value::Number(_)), _) | (_, "usize") => "a whole number of 0 or more",
        (Some(Value::Bool(_)), _) => "true or false",
        (Some(Value::Array(_)), _) => "a list",
        (Some(Value::Object(_)), _) => "a section",
        (_, "path string") => "a path",
        (_, wanted) if wanted.contains("sequence") => "a list",
        (_, wanted) if wanted.contains("struct") || wanted.contains("map") => "a section",
        _ => "text",
    }
    .to_owned()
}
