use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use figment::value::{Dict, Value};
use serde::Serialize;
use serde_json::Value as Json;

use super::ConfigError;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum Source {
    /// Nobody set it.
    #[default]
    Default,
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

/// A key that somebody set, and to what.
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

/// What starts the names of our environment variables.
const PREFIX: &str = "PORTCULLIS_";

/// What many programs read the URL of their database from.
const GENERAL_URL: &str = "DATABASE_URL";

/// The keys that the environment sets. A variable that is empty sets nothing: compose files and unit
/// files have no other way to leave one out. `DATABASE_URL` is anybody's, so it comes in a layer of its
/// own before ours.
pub(super) fn from_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    defaults: &Json,
) -> Result<[Vec<Given>; 2], ConfigError> {
    let (mut general, mut ours) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let key = match name.strip_prefix(PREFIX) {
            _ if name == GENERAL_URL => "database.url".to_owned(),
            Some(key) if !is_someone_elses(key) => key.to_lowercase().replace("__", "."),
            _ => continue,
        };
        let value = value.into_string().map_err(|_| ConfigError::NotUnicode(name.to_owned()))?;
        if value.is_empty() {
            continue;
        }
        let value = typed(&key, value, find(defaults, &key));
        let path = key.split('.').map(ToOwned::to_owned).collect();
        let layer = if name == GENERAL_URL { &mut general } else { &mut ours };
        layer.push(Given { path, value, source: Source::Environment(name.to_owned()) });
    }
    Ok([general, ours])
}

/// Variables with our prefix that are not keys: the one that names the file, and those that Kubernetes
/// sets in every container near a service called `portcullis`.
fn is_someone_elses(key: &str) -> bool {
    key == "CONFIG"
        || ["SERVICE_HOST", "SERVICE_PORT", "PORT"].contains(&key)
        || key.starts_with("SERVICE_PORT_")
        || (key.starts_with("PORT_") && !key.contains("__"))
}

/// A variable is text. What it means, the key's default tells.
fn typed(key: &str, text: String, default: Option<&Json>) -> Value {
    let number = |text: String| text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
    match default {
        Some(Json::Bool(_)) => text.parse::<bool>().map_or_else(|_| Value::from(text.as_str()), Value::from),
        Some(Json::Number(_)) => number(text),
        Some(Json::Array(_)) => list(&text),
        // The only number that has no default.
        Some(Json::Null) if key == "passwords.workers" => number(text),
        None if key.starts_with("roles.") => list(&text),
        None if key.starts_with("tokens.custom_claims.") => {
            let json = serde_json::from_str::<Json>(&text).ok();
            json.and_then(|json| Value::serialize(json).ok()).unwrap_or_else(|| Value::from(text))
        }
        _ => Value::from(text),
    }
}

/// `user,admin`, and as TOML would write it: `["user", "admin"]`.
fn list(text: &str) -> Value {
    let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let item = |item: &str| item.trim().trim_matches(['"', '\'']).to_owned();
    let items = inner.split(',').map(item).filter(|item| !item.is_empty());
    Value::from(items.collect::<Vec<String>>())
}

/// The value of a dotted key.
pub(super) fn find<'a>(tree: &'a Json, key: &str) -> Option<&'a Json> {
    key.split('.').try_fold(tree, |tree, name| tree.get(name))
}
