use std::{
    fmt,
    path::{Path, PathBuf},
};

use figment::value::{Dict, Value};
use serde::Serialize;
use serde_json::Value as Json;

use super::ConfigError;

/// Former names of keys, which are still accepted, and the names that replaced them. `*` matches any name.
const FORMER_NAMES: [(&str, &str); 5] = [
    ("other_secret", "secondary_secret"),
    ("other_secret_file", "secondary_secret_file"),
    ("limits.*.free", "free_attempts"),
    ("limits.*.first_delay", "initial_delay"),
    ("limits.*.longest_delay", "max_delay"),
];

/// The source of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum Source {
    /// The default of a key that is not set.
    #[default]
    Default,
    /// A value for a key that is not set, computed from another key or from a property of the machine.
    Derived(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// An environment variable, by name.
    Environment(String),
    /// A command-line flag, with its dashes.
    Flag(&'static str),
    /// The code of the application.
    Application,
    /// A file whose path is the value of another key.
    Named {
        /// The path of the file.
        path: PathBuf,
        /// The key that contains the path, and its source.
        by: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Derived(from) => write!(f, "derived from {from}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Application => f.write_str("application"),
            Self::Named { path, by } => write!(f, "{} ({by})", path.display()),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

/// A key that is set, its value and its source.
#[derive(Clone)]
pub(super) struct Assignment {
    /// The names of the sections and of the key. A name that an operator chose may contain a dot.
    pub(super) path: Vec<String>,
    pub(super) value: Value,
    pub(super) source: Source,
    /// The key as it is written, if that is a former name.
    former_key: Option<String>,
}

impl Assignment {
    /// Replaces a former name by the present one.
    pub(super) fn new(mut path: Vec<String>, value: Value, source: Source) -> Self {
        let written = path.join(".");
        let former_key = replace_former_name(&mut path).then_some(written);
        Self { path, value, source, former_key }
    }

    /// The key, as `section.key`.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }

    /// The assignment as nested tables, for merging.
    pub(super) fn nested(self) -> Value {
        self.path.into_iter().rfold(self.value, |value, name| Value::from(Dict::from([(name, value)])))
    }

    /// The error for a key that a layer sets by its former and by its present name.
    pub(super) fn duplicate_in(&self, layer: &[Self]) -> Option<ConfigError> {
        let former = self.former_key.as_ref()?;
        let is_same = |other: &&Self| other.former_key.is_none() && other.path == self.path;
        let present = layer.iter().find(is_same)?;
        let (key, set_in, also_in) = (self.key(), &self.source, &present.source);
        let sources = if set_in == also_in { format!("{set_in}") } else { format!("{set_in} and {also_in}") };
        let message =
            format!("{former} is the former name of {key}, and both are set (in {sources}); keep {key}");
        Some(ConfigError::Other(message))
    }
}

/// Replaces the last name of a path if it is a former name. Returns whether it was.
pub(super) fn replace_former_name(path: &mut [String]) -> bool {
    let is_match = |pattern: &str| {
        let names: Vec<&str> = pattern.split('.').collect();
        names.len() == path.len()
            && names.iter().zip(&*path).all(|(name, other)| *name == "*" || name == other)
    };
    let found = FORMER_NAMES.iter().find(|(pattern, _)| is_match(pattern));
    if let (Some((_, present)), Some(name)) = (found, path.last_mut()) {
        (*present).clone_into(name);
    }
    found.is_some()
}

/// The assignments of a parsed file.
pub(super) fn from_file(dict: Dict, path: &Path) -> Vec<Assignment> {
    let mut assignments = Vec::new();
    let mut pending = vec![(Vec::new(), Value::from(dict))];
    while let Some((names, value)) = pending.pop() {
        match value {
            Value::Dict(_, entries) if !entries.is_empty() => {
                let nested = |name| names.iter().cloned().chain([name]).collect();
                pending.extend(entries.into_iter().map(|(name, value)| (nested(name), value)));
            }
            value if names.is_empty() => drop(value),
            value => assignments.push(Assignment::new(names, value, Source::File(path.to_owned()))),
        }
    }
    assignments
}

/// The value of a dotted key.
pub(super) fn find<'a>(tree: &'a Json, key: &str) -> Option<&'a Json> {
    key.split('.').try_fold(tree, |tree, name| tree.get(name))
}
