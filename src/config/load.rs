use std::{collections::BTreeMap, ffi::OsString, fs, io, path::Path};

use figment::{
    Provider,
    providers::{Format, Toml},
};
use secrecy::SecretString;
use serde_json::Value as Json;

use super::{
    Config, ConfigError, Source,
    draft::{Draft, source_of},
    environment::{UnknownVariable, from_environment},
    source::{Assignment, from_file},
};
use crate::secret::{PrivateFileError, read_private_file};

/// The file that is read if it exists and no other is named.
const DEFAULT_FILE: &str = "portcullis.toml";

/// A command-line flag that sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag, with its dashes.
    pub name: &'static str,
    /// The key, as `section.key`.
    pub key: &'static str,
    /// The value, as it is written.
    pub value: String,
}

/// A configuration and the sources of its values.
#[derive(Debug)]
pub struct LoadedConfig {
    /// The values.
    pub config: Config,
    /// The values with secrets masked.
    masked: Json,
    sources: BTreeMap<String, Source>,
    unknown_variables: Vec<UnknownVariable>,
}

/// A key of the configuration, its value and its source.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ConfigEntry {
    /// The key, as `section.key`.
    pub key: String,
    /// The value. A secret is masked.
    pub value: Json,
    /// The source of the value.
    pub source: Source,
}

/// Loads the configuration from the defaults, `file`, the environment and `flags`. A later one overrides an earlier
/// one. Without `file`, `portcullis.toml` is read if it exists.
///
/// # Errors
/// Unknown keys, values of a wrong type, invalid values, and files that cannot be read. It reports as many of them as
/// can be found at once.
pub fn load(file: Option<&Path>, flags: &[Flag]) -> Result<LoadedConfig, ConfigError> {
    load_from(file, std::env::vars_os(), flags)
}

pub(super) fn load_from(
    file: Option<&Path>,
    variables: impl Iterator<Item = (OsString, OsString)>,
    flags: &[Flag],
) -> Result<LoadedConfig, ConfigError> {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut errors = Vec::new();
    let file = read_file(file).map_err(|error| errors.push(error)).ok();
    let is_file_read = file.is_some();
    let environment = from_environment(variables, &defaults, &mut errors);
    let flag = |flag: &Flag| {
        let path = flag.key.split('.').map(ToOwned::to_owned).collect();
        Assignment::new(path, flag.value.as_str().into(), Source::Flag(flag.name))
    };
    let flags = flags.iter().map(flag).collect();
    let layers = [file.unwrap_or_default(), environment.generic, environment.prefixed, flags];
    let mut draft = Draft::new(defaults, errors);
    draft.add_layers(layers);
    let sources = draft.sources();
    // Without the file, a value may seem invalid only because another one is missing.
    let config = if is_file_read { draft.check() } else { draft.extract().and(None) };
    let loaded = config.map(|config| LoadedConfig::new(config, sources, environment.unknown));
    let loaded = loaded.and_then(|loaded| draft.record(loaded.read_url_file()));
    draft.finish(loaded)
}

/// The assignments of the configuration file. A file that is named explicitly must exist.
fn read_file(named: Option<&Path>) -> Result<Vec<Assignment>, ConfigError> {
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

impl LoadedConfig {
    /// All entries, sorted by key. Secrets are masked.
    #[must_use]
    pub fn entries(&self) -> Vec<ConfigEntry> {
        let mut entries = Vec::new();
        self.collect(String::new(), &self.masked, &mut entries);
        let derived = self.config.derived();
        for entry in entries.iter_mut().filter(|entry| entry.value.is_null()) {
            if let Some(derived) = derived.iter().find(|derived| derived.key == entry.key) {
                entry.value = derived.value.clone();
                entry.source = Source::Derived(derived.from);
            }
        }
        entries
    }

    /// The source of a key.
    #[must_use]
    pub fn source(&self, key: &str) -> Source {
        source_of(&self.sources, key)
    }

    fn collect(&self, key: String, value: &Json, entries: &mut Vec<ConfigEntry>) {
        match value {
            Json::Object(values) if !values.is_empty() => {
                for (name, value) in values {
                    let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    self.collect(key, value, entries);
                }
            }
            value => entries.push(ConfigEntry { source: self.source(&key), key, value: value.clone() }),
        }
    }

    fn new(
        config: Config,
        sources: BTreeMap<String, Source>,
        unknown_variables: Vec<UnknownVariable>,
    ) -> Self {
        let masked = serde_json::to_value(&config).unwrap_or_default();
        Self { config, masked, sources, unknown_variables }
    }

    /// The environment variables that have our prefix and name no key.
    pub(super) fn unknown_variables(&self) -> &[UnknownVariable] {
        &self.unknown_variables
    }

    /// Reads the URL of the database if it is in a file.
    fn read_url_file(mut self) -> Result<Self, ConfigError> {
        if let Some(path) = self.config.database.url_file.take() {
            self.config.database.url = Some(read_url(&path)?);
            self.masked["database"]["url"] = self.config.database.masked_url().into();
            let by = format!("database.url_file: {}", self.source("database.url_file"));
            self.sources.insert("database.url".to_owned(), Source::Named { path, by });
            self.config.check().map_err(|invalid| {
                let set_in = self.source(&invalid.key);
                ConfigError::InvalidValue { invalid, set_in }
            })?;
        }
        Ok(self)
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
