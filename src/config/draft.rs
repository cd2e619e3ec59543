use std::collections::BTreeMap;

use figment::{Figment, providers::Serialized};
use serde_json::Value as Json;

use super::{
    Config, ConfigError, Impossible, Source,
    source::{Given, find},
};

/// The keys beneath which an operator names keys.
const OPEN: [&str; 2] = ["roles", "tokens.custom_claims"];

/// Pairs of a value and the file that contains it. Setting one in a later layer replaces the other.
const EITHER: [(&str, &str); 3] =
    [("secret", "secret_file"), ("other_secret", "other_secret_file"), ("database.url", "database.url_file")];

/// A configuration that is being read, and the mistakes found so far. A key with a mistake is set aside, so that the
/// others are checked as well.
pub(super) struct Draft {
    defaults: Json,
    given: BTreeMap<String, Given>,
    mistakes: Vec<ConfigError>,
    /// The keys that are set aside or were probably meant. A mistake that names one may follow from that.
    aside: Vec<String>,
}

impl Draft {
    pub(super) fn new(defaults: Json, mistakes: Vec<ConfigError>) -> Self {
        Self { defaults, given: BTreeMap::new(), mistakes, aside: Vec::new() }
    }

    /// Takes the layers, in the order of their weight: a later one replaces what an earlier one set.
    pub(super) fn give(&mut self, layers: impl IntoIterator<Item = Vec<Given>>) {
        for layer in layers {
            for (one, other) in EITHER.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
                if layer.iter().any(|given| given.key() == one) {
                    self.given.remove(other);
                }
            }
            for given in layer {
                if let Err(mistake) = refuse_unknown(&given, &self.defaults) {
                    self.note_unknown(mistake);
                    continue;
                }
                let key = given.key();
                self.given.retain(|other, _| !is_beneath(other, &key));
                self.given.insert(key, given);
            }
        }
    }

    /// Where each key was set.
    pub(super) fn sources(&self) -> BTreeMap<String, Source> {
        self.given.iter().map(|(key, given)| (key.clone(), given.source.clone())).collect()
    }

    /// The configuration without the values of a wrong kind. `None` if it cannot be read even so.
    pub(super) fn extract(&mut self) -> Option<Config> {
        loop {
            let mut figment = Figment::from(Serialized::defaults(Config::default()));
            for given in self.given.values().cloned() {
                figment = figment.merge(Serialized::defaults(given.nested()));
            }
            let error = match figment.extract() {
                Ok(config) => return Some(config),
                Err(error) => error,
            };
            // An item of a list is named by its number; the key is the list.
            let is_name = |name: &&String| name.parse::<usize>().is_err();
            let names: Vec<&str> = error.path.iter().take_while(is_name).map(String::as_str).collect();
            let key = names.join(".");
            let mistake = self.wrong_kind(&key, &error);
            self.note_unknown(mistake);
            if !self.set_aside(&key) {
                return None;
            }
        }
    }

    /// The configuration without the values that are of a wrong kind or impossible.
    pub(super) fn check(&mut self) -> Option<Config> {
        loop {
            let config = self.extract()?;
            let Err(impossible) = config.check() else { return Some(config) };
            let (key, origin) = (impossible.key.clone(), source_of(&self.sources(), &impossible.key));
            if !self.may_follow(&impossible) {
                self.mistakes.push(ConfigError::Impossible { impossible, origin });
            }
            if !self.set_aside(&key) {
                return None;
            }
        }
    }

    /// Keeps the mistake of a result.
    pub(super) fn note<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// The result, unless there was a mistake.
    pub(super) fn finish<T>(mut self, result: Option<T>) -> Result<T, ConfigError> {
        match (self.mistakes.pop(), result) {
            (None, Some(result)) => Ok(result),
            (None, None) => Err(ConfigError::Other("the configuration cannot be read".to_owned())),
            (Some(only), _) if self.mistakes.is_empty() => Err(only),
            (Some(last), _) => {
                self.mistakes.push(last);
                Err(ConfigError::Several(self.mistakes))
            }
        }
    }

    fn note_unknown(&mut self, mistake: ConfigError) {
        if let ConfigError::Unknown { key, origin, nearest, .. } = &mistake {
            // Each key in an unknown section would be a mistake of its own.
            let is_same = |other: &ConfigError| matches!(other, ConfigError::Unknown { key: other, origin: at, .. } if other == key && at == origin);
            if self.mistakes.iter().any(is_same) {
                return;
            }
            self.aside.extend(nearest.clone());
        }
        self.mistakes.push(mistake);
    }

    /// Whether an impossible value may be possible once the mistakes before it are corrected.
    fn may_follow(&self, impossible: &Impossible) -> bool {
        self.aside.iter().any(|key| *key != impossible.key && impossible.wants.contains(key.as_str()))
    }

    /// Goes on as if a key had not been given. Returns `false` if it had not.
    fn set_aside(&mut self, key: &str) -> bool {
        let count = self.given.len();
        if self.given.remove(key).is_none() {
            self.given.retain(|given, _| !(is_beneath(given, key) || is_beneath(key, given)));
        }
        self.aside.push(key.to_owned());
        self.given.len() < count
    }

    fn wrong_kind(&self, key: &str, error: &figment::Error) -> ConfigError {
        let origin = source_of(&self.sources(), key);
        if key.is_empty() {
            return ConfigError::Other(format!("the configuration cannot be read (set in {origin})"));
        }
        ConfigError::wrong_kind(key.to_owned(), &error.kind, find(&self.defaults, key), origin)
    }
}

fn is_beneath(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

fn refuse_unknown(given: &Given, defaults: &Json) -> Result<(), ConfigError> {
    let mut known = defaults;
    let mut above = String::new();
    for name in &given.path {
        if OPEN.contains(&above.as_str()) {
            return Ok(());
        }
        // A key that has keys although it should not is of the wrong kind, which is reported elsewhere.
        let Json::Object(names) = known else { return Ok(()) };
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let unknown =
            || ConfigError::unknown(key.clone(), names.keys().map(String::as_str), given.source.clone());
        known = names.get(name).ok_or_else(unknown)?;
        above = key;
    }
    Ok(())
}

/// Where a key, or the first one beneath it, was set.
pub(super) fn source_of(sources: &BTreeMap<String, Source>, key: &str) -> Source {
    let related = |name: &str| is_beneath(name, key) || is_beneath(key, name);
    let found =
        sources.get(key).or_else(|| sources.iter().find(|(name, _)| related(name)).map(|(_, source)| source));
    found.cloned().unwrap_or_default()
}
