use std::{collections::BTreeMap, ffi::OsString, fs, io, path::Path};

use figment::{
    Figment, Provider,
    providers::{Format, Serialized, Toml},
};
use secrecy::SecretString;
use serde_json::Value as Json;

use super::{
    Config, ConfigError, Impossible, Source,
    source::{Given, find, from_environment, from_file},
};
use crate::secret::{PrivateFileError, read_private_file};

/// The file that is read when no other is named and it exists.
const DEFAULT_FILE: &str = "portcullis.toml";

/// The keys beneath which anybody names keys of their own.
const OPEN: [&str; 2] = ["roles", "tokens.custom_claims"];

/// Of each two, one says the same as the other: a secret, and the file that holds it.
const EITHER: [(&str, &str); 3] =
    [("secret", "secret_file"), ("other_secret", "other_secret_file"), ("database.url", "database.url_file")];

/// A flag of the command line that sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// With its dashes.
    pub name: &'static str,
    /// As `section.key`.
    pub key: &'static str,
    /// As it was given.
    pub value: String,
}

/// A configuration, and where its values came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// As they may be shown.
    shown: Json,
    sources: BTreeMap<String, Source>,
}

/// A value of the configuration and where it came from.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Origin {
    /// The key, as `section.key`.
    pub key: String,
    /// The value; a secret is masked.
    pub value: Json,
    /// Where it was set.
    pub source: Source,
}

/// Reads the configuration: the defaults, `file` (else `portcullis.toml` where it exists), the
/// environment, and `flags`; the later wins.
///
/// # Errors
/// An unknown key, a value of the wrong kind, an impossible one, or a file that cannot be read.
pub fn load(file: Option<&Path>, flags: &[Flag]) -> Result<Loaded, ConfigError> {
    load_from(file, std::env::vars_os(), flags)
}

pub(super) fn load_from(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let flag = |flag: &Flag| Given {
        path: flag.key.split('.').map(ToOwned::to_owned).collect(),
        value: flag.value.as_str().into(),
        source: Source::Flag(flag.name),
    };
    let [general, ours] = from_environment(environment, &defaults)?;
    let layers = [read_file(file)?, general, ours, flags.iter().map(flag).collect()];
    let given = last_given(layers, &defaults)?;
    let sources = given.iter().map(|(key, given)| (key.clone(), given.source.clone())).collect();
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    for value in given.into_values() {
        figment = figment.merge(Serialized::defaults(value.nested()));
    }
    let config = figment.extract().map_err(|error| wrong_kind(&error, &defaults, &sources))?;
    Loaded { config, shown: Json::Null, sources }.finish()
}

/// What each key was given last. The layers come in the order of their weight.
fn last_given(
    layers: impl IntoIterator<Item = Vec<Given>>,
    defaults: &Json,
) -> Result<BTreeMap<String, Given>, ConfigError> {
    let mut last: BTreeMap<String, Given> = BTreeMap::new();
    for layer in layers {
        for (one, other) in EITHER.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
            if layer.iter().any(|given| given.key() == one) {
                last.remove(other);
            }
        }
        for given in layer {
            refuse_unknown(&given, defaults)?;
            let key = given.key();
            last.retain(|other, _| !is_beneath(other, &key));
            last.insert(key, given);
        }
    }
    Ok(last)
}

fn is_beneath(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// What the file sets. A file that was named must be there.
fn read_file(named: Option<&Path>) -> Result<Vec<Given>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match fs::read_to_string(path) {
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let name = named.map_or("the default of --config", |_| "--config or PORTCULLIS_CONFIG");
            return Err(ConfigError::File { name: name.to_owned(), path: path.to_owned(), source });
        }
        Ok(text) => text,
    };
    let profiles = Toml::string(&text).data().map_err(|e| ConfigError::syntax(path.to_owned(), &e))?;
    Ok(profiles.into_values().flat_map(|dict| from_file(dict, path)).collect())
}

fn refuse_unknown(given: &Given, defaults: &Json) -> Result<(), ConfigError> {
    let mut known = defaults;
    let mut above = String::new();
    for name in &given.path {
        if OPEN.contains(&above.as_str()) {
            return Ok(());
        }
        // A key that has keys although it should not is of the wrong kind, which is said elsewhere.
        let Json::Object(names) = known else { return Ok(()) };
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let unknown =
            || ConfigError::unknown(key.clone(), names.keys().map(String::as_str), given.source.clone());
        known = names.get(name).ok_or_else(unknown)?;
        above = key;
    }
    Ok(())
}

fn wrong_kind(error: &figment::Error, defaults: &Json, sources: &BTreeMap<String, Source>) -> ConfigError {
    // An item of a list is named by its number; the key is the list.
    let is_name = |name: &&String| name.parse::<usize>().is_err();
    let names: Vec<&str> = error.path.iter().take_while(is_name).map(String::as_str).collect();
    let key = names.join(".");
    let origin = source_of(sources, &key);
    if key.is_empty() {
        return ConfigError::Other(format!("the configuration cannot be read (set in {origin})"));
    }
    let default = find(defaults, &key);
    ConfigError::wrong_kind(key, &error.kind, default, origin)
}

/// Where a key, or the first one beneath it, was set.
fn source_of(sources: &BTreeMap<String, Source>, key: &str) -> Source {
    let related = |name: &str| is_beneath(name, key) || is_beneath(key, name);
    let found =
        sources.get(key).or_else(|| sources.iter().find(|(name, _)| related(name)).map(|(_, source)| source));
    found.cloned().unwrap_or_default()
}

impl Loaded {
    /// Every value with its origin, sorted by key. Secrets are masked.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        let mut origins = Vec::new();
        self.collect(String::new(), &self.shown, &mut origins);
        origins
    }

    /// Where a key was set.
    #[must_use]
    pub fn source(&self, key: &str) -> Source {
        source_of(&self.sources, key)
    }

    fn collect(&self, key: String, value: &Json, origins: &mut Vec<Origin>) {
        match value {
            Json::Object(entries) if !entries.is_empty() => {
                for (name, value) in entries {
                    let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    self.collect(key, value, origins);
                }
            }
            value => origins.push(Origin { source: self.source(&key), key, value: value.clone() }),
        }
    }

    /// Checks the values, and reads the database's URL where it is in a file.
    fn finish(mut self) -> Result<Self, ConfigError> {
        self.config.check().map_err(|impossible| self.blame(impossible))?;
        self.shown = serde_json::to_value(&self.config).unwrap_or_default();
        if let Some(path) = self.config.database.url_file.take() {
            self.config.database.url = Some(read_url(&path)?);
            self.shown["database"]["url"] = self.config.database.shown_url().into();
            let by = format!("database.url_file: {}", self.source("database.url_file"));
            self.sources.insert("database.url".to_owned(), Source::Named { path, by });
            self.config.check().map_err(|impossible| self.blame(impossible))?;
        }
        Ok(self)
    }

    fn blame(&self, impossible: Impossible) -> ConfigError {
        ConfigError::Impossible { origin: self.source(&impossible.key), impossible }
    }
}

fn read_url(path: &Path) -> Result<SecretString, ConfigError> {
    let name = "database.url_file".to_owned();
    match read_private_file(path) {
        Ok(text) => Ok(SecretString::from(text.trim())),
        Err(PrivateFileError::Unreadable { path, source }) => Err(ConfigError::File { name, path, source }),
        Err(error) => Err(ConfigError::Other(format!("{name}: {error}"))),
    }
}
