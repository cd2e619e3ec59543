use std::{
    fs, io,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Metadata, Source,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use secrecy::SecretString;

use super::{Config, Impossible};

/// The file that is read when no other is named and it exists.
const DEFAULT_FILE: &str = "portcullis.toml";

/// Environment variables that are not values of the configuration.
const NOT_VALUES: [&str; 1] = ["config"];

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown, or its value is of the wrong kind.
    #[error(transparent)]
    Unreadable(Box<figment::Error>),
    /// A value cannot be.
    #[error("{impossible} (set in {origin})")]
    Impossible {
        /// The key, and what would be right.
        impossible: Impossible,
        /// Where the value came from.
        origin: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("{key} names {path}, which cannot be read: {source}")]
    File {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A configuration, and where its values came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    figment: Figment,
}

/// A value of the configuration and where it came from.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Origin {
    /// The key, as `section.key`.
    pub key: String,
    /// The value; a secret is masked.
    pub value: serde_json::Value,
    /// `default`, a file, an environment variable or a flag.
    pub source: String,
}

/// Reads the configuration: the defaults, `file` (else `portcullis.toml` where it exists), the
/// environment, and `flags` as pairs of key and value.
///
/// # Errors
/// An unknown key, a value of the wrong kind, an impossible one, or a file that cannot be read.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Loaded, ConfigError> {
    let toml = match file {
        Some(file) => Toml::file_exact(file),
        None => Toml::file(DEFAULT_FILE),
    };
    let mut figment = Figment::from(Serialized::defaults(Config::default())).merge(toml);
    if let Some(url) = Env::var("DATABASE_URL") {
        figment = figment.merge(Given::new("the environment variable DATABASE_URL", "database.url", url));
    }
    figment = figment.merge(Env::prefixed("PORTCULLIS_").split("__").ignore(&NOT_VALUES));
    // The provider above reads 123 as a number; a secret is a string whatever it looks like.
    if let Some(secret) = Env::var("PORTCULLIS_SECRET") {
        figment = figment.merge(Given::new("the environment variable PORTCULLIS_SECRET", "secret", secret));
    }
    for (key, value) in flags {
        figment = figment.merge(Given::new("a flag", key, value.clone()));
    }
    let mut config: Config = figment.extract().map_err(|error| ConfigError::Unreadable(Box::new(error)))?;
    prefer_given_url(&mut config, &figment);
    let loaded = Loaded { config, figment };
    loaded.config.check().map_err(|impossible| loaded.blame(impossible))?;
    loaded.read_url_file()
}

/// A URL that the environment or a flag gives replaces a `url_file` of the configuration file.
fn prefer_given_url(config: &mut Config, figment: &Figment) {
    let from_file =
        |key| figment.find_metadata(key).is_some_and(|m| matches!(m.source, Some(Source::File(_))));
    if config.database.url.is_some() && from_file("database.url_file") && !from_file("database.url") {
        config.database.url_file = None;
    }
}

impl Loaded {
    /// Every value with its origin, sorted by key. Secrets are masked.
    #[must_use]
    pub fn origins(&self) -> Vec<Origin> {
        let mut origins = Vec::new();
        let values = serde_json::to_value(&self.config).unwrap_or_default();
        self.collect(String::new(), values, &mut origins);
        origins
    }

    fn collect(&self, key: String, value: serde_json::Value, origins: &mut Vec<Origin>) {
        match value {
            serde_json::Value::Object(entries) if !entries.is_empty() => {
                for (name, value) in entries {
                    let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                    self.collect(key, value, origins);
                }
            }
            value => origins.push(Origin { source: self.source(&key), key, value }),
        }
    }

    fn source(&self, key: &str) -> String {
        self.figment.find_metadata(key).map_or_else(|| "default".to_owned(), describe)
    }

    fn blame(&self, impossible: Impossible) -> ConfigError {
        ConfigError::Impossible { origin: self.source(&impossible.key), impossible }
    }

    fn read_url_file(mut self) -> Result<Self, ConfigError> {
        if let Some(path) = self.config.database.url_file.take() {
            let failed = |source| ConfigError::File { key: "database.url_file", path: path.clone(), source };
            let url = fs::read_to_string(&path).map_err(failed)?;
            self.config.database.url = Some(SecretString::from(url.trim()));
            self.config.check().map_err(|impossible| self.blame(impossible))?;
        }
        Ok(self)
    }
}

fn describe(metadata: &Metadata) -> String {
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        _ if metadata.name.contains("environment variable") => {
            // The provider knows its prefix only; the one variable that it holds is the key.
            metadata.name.replace('`', "")
        }
        _ if metadata.name.contains("Config") => "default".to_owned(),
        _ => metadata.name.to_string(),
    }
}

/// One value that did not come from a file.
struct Given {
    source: &'static str,
    key: String,
    value: String,
}

impl Given {
    fn new(source: &'static str, key: &str, value: String) -> Self {
        Self { source, key: key.to_owned(), value }
    }
}

impl figment::Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source)
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, Value::from(self.value.clone()));
        let dict = nested.into_dict().unwrap_or_default();
        Ok([(figment::Profile::Default, dict)].into())
    }
}
