use std::{
    fmt,
    path::{Path, PathBuf},
};

use figment::value::{Dict, Value};
use serde::Serialize;
use serde_json::Value as Json;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum Source {
    /// It was not set, and has a default.
    #[default]
    Default,
    /// It was not set, and follows from another key or from the machine.
    Derived(&'static str),
    /// The configuration file.
    File(PathBuf),
    /// An environment variable, by its name.
    Environment(String),
    /// A flag of the command line, with its dashes.
    Flag(&'static str),
    /// The file that another key names.
    Named {
        /// The file.
        path: PathBuf,
        /// The key, and where that was set.
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
            Self::Named { path, by } => write!(f, "{} ({by})", path.display()),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

/// A key that was set, its value and where that came from.
#[derive(Clone)]
pub(super) struct Given {
    /// The names that lead to it; one that a person chose may hold a dot.
    pub(super) path: Vec<String>,
    pub(super) value: Value,
    pub(super) source: Source,
}

impl Given {
    /// As `section.key`.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }

    /// As a tree, for merging.
    pub(super) fn nested(self) -> Value {
        self.path.into_iter().rfold(self.value, |value, name| Value::from(Dict::from([(name, value)])))
    }
}

/// The keys of a parsed file.
pub(super) fn from_file(dict: Dict, path: &Path) -> Vec<Given> {
    let mut given = Vec::new();
    let mut pending = vec![(Vec::new(), Value::from(dict))];
    while let Some((path_to, value)) = pending.pop() {
        match value {
            Value::Dict(_, entries) if !entries.is_empty() => {
                let beneath = |name| path_to.iter().cloned().chain([name]).collect();
                pending.extend(entries.into_iter().map(|(name, value)| (beneath(name), value)));
            }
            value if path_to.is_empty() => drop(value),
            value => given.push(Given { path: path_to, value, source: Source::File(path.to_owned()) }),
        }
    }
    given
}

/// The value of a dotted key.
pub(super) fn find<'a>(tree: &'a Json, key: &str) -> Option<&'a Json> {
    key.split('.').try_fold(tree, |tree, name| tree.get(name))
}
