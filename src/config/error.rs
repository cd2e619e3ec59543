use std::{io, path::PathBuf};

use figment::error::Kind;
use serde_json::Value;

use super::{Impossible, Source, nearest::nearest};

/// Why the configuration cannot be used. No message quotes a value, because it could be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such key.
    #[error("{key} is not a key of the configuration (set in {origin}); {}{known}", match nearest {
        Some(nearest) => format!("did you mean {nearest}? "),
        None => String::new(),
    })]
    Unknown {
        /// What was set, as `section.key`.
        key: String,
        /// Where it was set.
        origin: Source,
        /// The key that was probably meant, as `section.key`.
        nearest: Option<String>,
        /// The keys that there are beside it.
        known: String,
    },
    /// A value is of the wrong kind.
    #[error("{key} must be {expected} (set in {origin})")]
    WrongKind {
        /// The key, as `section.key`.
        key: String,
        /// What would be right.
        expected: String,
        /// Where the value came from.
        origin: Source,
    },
    /// A value cannot be.
    #[error("{impossible} ({})", match origin {
        Source::Default => "this is its default".to_owned(),
        origin => format!("set in {origin}"),
    })]
    Impossible {
        /// The key, and what would be right.
        impossible: Impossible,
        /// Where the value came from.
        origin: Source,
    },
    /// The file is not TOML.
    #[error("{path} is not TOML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where in it, and what is wrong.
        message: String,
    },
    /// A file that is named cannot be read.
    #[error("{name} names the file {path}, which cannot be read: {source}")]
    File {
        /// The key or the option that names it.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An environment variable is not text.
    #[error("the environment variable {0} is not UTF-8")]
    NotUnicode(String),
    /// It does not fit together, for a reason that none of the others names.
    #[error("{0}")]
    Other(String),
    /// More than one of the others.
    #[error("the configuration has {} mistakes\n  {}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Several(Vec<Self>),
}

/// What a value must be whose type alone does not say it.
const HINTS: [(&str, &str); 3] = [
    ("http.listen", "an IP address and a port, such as 127.0.0.1:4000"),
    ("http.trusted_proxies", "a list of IP addresses or networks, such as 10.0.0.0/8"),
    ("passwords.min_score", "a whole number from 0 to 4"),
];

impl ConfigError {
    /// Says what a key must be. `default` is its value when nobody sets it, which shows its type.
    pub(super) fn wrong_kind(key: String, kind: &Kind, default: Option<&Value>, origin: Source) -> Self {
        if let Kind::UnknownField(_, known) = kind {
            return Self::unknown(key, known.iter().copied(), origin);
        }
        let hint = HINTS.iter().find(|(hinted, _)| *hinted == key).map(|(_, hint)| (*hint).to_owned());
        let expected = hint.unwrap_or_else(|| expected(kind, default));
        Self::WrongKind { key, expected, origin }
    }

    pub(super) fn unknown<'a>(key: String, known: impl IntoIterator<Item = &'a str>, origin: Source) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let (place, name, above) = match key.rsplit_once('.') {
            Some((section, name)) => (format!("the keys of [{section}]"), name, format!("{section}.")),
            None => ("the sections and keys".to_owned(), key.as_str(), String::new()),
        };
        let nearest = nearest(name, known.iter().copied()).map(|nearest| format!("{above}{nearest}"));
        Self::Unknown { known: format!("{place} are {}", known.join(", ")), nearest, key, origin }
    }

    /// The mistakes, each by itself.
    #[must_use]
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several(mistakes) => mistakes,
            mistake => std::slice::from_ref(mistake),
        }
    }

    /// The parser quotes the line at which it stopped, which may hold a secret: only its words are kept.
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

fn expected(kind: &Kind, default: Option<&Value>) -> String {
    let wanted = match kind {
        Kind::UnknownVariant(_, variants) => return format!("one of {}", variants.join(", ")),
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => wanted.as_str(),
        _ => "",
    };
    match (default, wanted) {
        (_, "a duration") => "a time such as 3s, 15m or 7d",
        (_, "u32") => "a whole number from 0 to 4294967295",
        (_, wanted) if wanted.contains("nonzero") => "a whole number of 1 or more",
        (Some(Value::Number(_)), _) | (_, "usize") => "a whole number of 0 or more",
        (Some(Value::Bool(_)), _) => "true or false",
        (Some(Value::Array(_)), _) => "a list",
        (Some(Value::Object(_)), _) => "a section with keys of its own",
        (_, "path string") => "a path",
        (_, wanted) if wanted.contains("sequence") => "a list",
        (_, wanted) if wanted.contains("struct") || wanted.contains("map") => {
            "a section with keys of its own"
        }
        _ => "text",
    }
    .to_owned()
}
