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
    environment::{Stray, from_environment},
    source::{Given, from_file},
};
use crate::secret::{PrivateFileError, read_private_file};

/// The file that is read when no other is named and it exists.
const DEFAULT_FILE: &str = "portcullis.toml";

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
    strays: Vec<Stray>,
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
/// Unknown keys, values of a wrong kind, impossible values, and files that cannot be read: as many of them as can be
/// found at once.
pub fn load(file: Option<&Path>, flags: &[Flag]) -> Result<Loaded, ConfigError> {
    load_from(file, std::env::vars_os(), flags)
}

pub(super) fn load_from(
    file: Option<&Path>,
    variables: impl Iterator<Item = (OsString, OsString)>,
    flags: &[Flag],
) -> Result<Loaded, ConfigError> {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut mistakes = Vec::new();
    let file = read_file(file).map_err(|mistake| mistakes.push(mistake)).ok();
    let is_file_read = file.is_some();
    let environment = from_environment(variables, &defaults, &mut mistakes);
    let flag = |flag: &Flag| Given {
        path: flag.key.split('.').map(ToOwned::to_owned).collect(),
        value: flag.value.as_str().into(),
        source: Source::Flag(flag.name),
    };
    let flags = flags.iter().map(flag).collect();
    let layers = [file.unwrap_or_default(), environment.general, environment.ours, flags];
    let mut draft = Draft::new(defaults, mistakes);
    draft.give(layers);
    let sources = draft.sources();
    // Without the file, a value may seem impossible only because another one is missing.
    let config = if is_file_read { draft.check() } else { draft.extract().and(None) };
    let loaded = config.map(|config| Loaded::new(config, sources, environment.strays));
    let loaded = loaded.and_then(|loaded| draft.note(loaded.read_url_file()));
    draft.finish(loaded)
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

impl Loaded {
    /// Every value with its origin, sorted by key. Secrets are masked.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        let mut origins = Vec::new();
        self.collect(String::new(), &self.shown, &mut origins);
        let derived = self.config.derived();
        for origin in origins.iter_mut().filter(|origin| origin.value.is_null()) {
            if let Some(derived) = derived.iter().find(|derived| derived.key == origin.key) {
                origin.value = derived.value.clone();
                origin.source = Source::Derived(derived.from);
            }
        }
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

    fn new(config: Config, sources: BTreeMap<String, Source>, strays: Vec<Stray>) -> Self {
        let shown = serde_json::to_value(&config).unwrap_or_default();
        Self { config, shown, sources, strays }
    }

    /// Variables with our prefix that set nothing.
    pub(super) fn strays(&self) -> &[Stray] {
        &self.strays
    }

    /// Reads the database's URL if it is in a file.
    fn read_url_file(mut self) -> Result<Self, ConfigError> {
        if let Some(path) = self.config.database.url_file.take() {
            self.config.database.url = Some(read_url(&path)?);
            self.shown["database"]["url"] = self.config.database.shown_url().into();
            let by = format!("database.url_file: {}", self.source("database.url_file"));
            self.sources.insert("database.url".to_owned(), Source::Named { path, by });
            self.config.check().map_err(|impossible| {
                let origin = self.source(&impossible.key);
                ConfigError::Impossible { impossible, origin }
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
