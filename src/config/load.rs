use std::{cell::RefCell, collections::BTreeMap, fs, io, path::Path, sync::Arc};

use figment::{
    Provider,
    providers::{Format, Toml},
};
use secrecy::SecretString;
use serde_json::Value as Json;

use super::{
    Config, ConfigError, Source,
    draft::{Draft, Extracted, source_of},
    environment::{UnknownVariable, from_environment},
    section::{Section, Sections},
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
    /// The values of the application's sections.
    pub(crate) sections: Sections,
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

/// The parts of a configuration that an application defines in its code.
#[derive(Clone, Default)]
pub(crate) struct InCode {
    /// The sections of the application.
    pub(crate) sections: Vec<Section>,
    /// Changes that override all other sources, in the order of their application.
    pub(crate) changes: Vec<Change>,
}

/// A change of a configuration.
pub(crate) type Change = Arc<dyn Fn(&mut Config) + Send + Sync>;

impl InCode {
    /// Changes the configuration, and returns the changed keys.
    fn apply(&self, config: &mut Config) -> Vec<String> {
        if self.changes.is_empty() {
            return Vec::new();
        }
        let before = flatten(config);
        self.changes.iter().for_each(|change| change(config));
        let after = flatten(config);
        after.into_iter().filter(|(key, value)| before.get(key) != Some(value)).map(|(key, _)| key).collect()
    }
}

/// The values of a configuration by their keys.
fn flatten(config: &Config) -> BTreeMap<String, Json> {
    let mut entries = BTreeMap::new();
    collect(String::new(), &serde_json::to_value(config).unwrap_or_default(), &mut |key, value| {
        entries.insert(key, value.clone());
    });
    entries
}

/// Passes each key and its value to `add`. An empty section counts as a value.
fn collect(key: String, value: &Json, add: &mut impl FnMut(String, &Json)) {
    match value {
        Json::Object(values) if !values.is_empty() => {
            for (name, value) in values {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                collect(key, value, add);
            }
        }
        value => add(key, value),
    }
}

/// Loads the configuration from the defaults, `file`, the environment, `flags` and the application's code. A later one
/// overrides an earlier one. Without `file`, `portcullis.toml` is read if it exists.
///
/// # Errors
/// Unknown keys, values of a wrong type, invalid values, and files that cannot be read. It reports as many of them as
/// can be found at once.
pub(crate) fn load(
    file: Option<&Path>,
    flags: &[Flag],
    in_code: &InCode,
) -> Result<LoadedConfig, ConfigError> {
    let mut defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut errors = Vec::new();
    for section in &in_code.sections {
        if section.is_reserved() {
            errors.push(ConfigError::Other(format!(
                "[{0}] belongs to Portcullis; name the section of the application differently",
                section.name
            )));
        } else {
            defaults[section.name] = (section.defaults)();
        }
    }
    let file = read_file(file).map_err(|error| errors.push(error)).ok();
    let is_file_read = file.is_some();
    let environment = from_environment(std::env::vars_os(), &defaults, &mut errors);
    let flag = |flag: &Flag| {
        let path = flag.key.split('.').map(ToOwned::to_owned).collect();
        Assignment::new(path, flag.value.as_str().into(), Source::Flag(flag.name))
    };
    let flags = flags.iter().map(flag).collect();
    let layers = [file.unwrap_or_default(), environment.generic, environment.prefixed, flags];
    let mut draft = Draft::new(defaults, &in_code.sections, errors);
    draft.add_layers(layers);
    let changed_in_code = RefCell::new(Vec::new());
    let configure = |config: &mut Config| *changed_in_code.borrow_mut() = in_code.apply(config);
    // Without the file, a value may seem invalid only because another one is missing.
    let extracted = if is_file_read { draft.check(&configure) } else { draft.extract().and(None) };
    let mut sources = draft.sources();
    sources.extend(changed_in_code.take().into_iter().map(|key| (key, Source::Application)));
    let loaded = extracted.map(|extracted| LoadedConfig::new(extracted, sources, environment.unknown));
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
        collect(String::new(), &self.masked, &mut |key, value| {
            entries.push(ConfigEntry { source: self.source(&key), key, value: value.clone() });
        });
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

    /// A configuration that the application defines. Its own sections have their defaults.
    ///
    /// # Errors
    /// A value is invalid.
    pub(crate) fn of(mut config: Config, in_code: &InCode) -> Result<Self, ConfigError> {
        in_code.apply(&mut config);
        config
            .check()
            .map_err(|invalid| ConfigError::InvalidValue { invalid, set_in: Source::Application })?;
        let sections =
            in_code.sections.iter().map(|section| (section.name, (section.default_value)())).collect();
        Self::new(Extracted { config, sections }, BTreeMap::new(), Vec::new()).read_url_file()
    }

    fn new(
        extracted: Extracted,
        sources: BTreeMap<String, Source>,
        unknown_variables: Vec<UnknownVariable>,
    ) -> Self {
        let Extracted { config, sections: values } = extracted;
        let mut masked = serde_json::to_value(&config).unwrap_or_default();
        let mut sections = Sections::default();
        for (name, value) in values {
            masked[name] = value.shown.clone();
            sections.insert(value);
        }
        Self { config, sections, masked, sources, unknown_variables }
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
