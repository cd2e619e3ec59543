use std::collections::BTreeMap;

use figment::{Figment, providers::Serialized};
use serde_json::Value as Json;

use super::{
    Config, ConfigError, InvalidValue, Source,
    section::{Section, SectionValue},
    source::{Assignment, find},
};

/// The sections whose keys the operator names.
const FREE_FORM_SECTIONS: [&str; 3] = ["roles", "tokens.claims", "tokens.custom_claims"];

/// Pairs of mutually exclusive keys: a value and the file that contains it. Setting one in a later layer replaces the
/// other.
const MUTUALLY_EXCLUSIVE: [(&str, &str); 4] = [
    ("secret", "secret_file"),
    ("secondary_secret", "secondary_secret_file"),
    ("database.url", "database.url_file"),
    ("mail.smtp.password", "mail.smtp.password_file"),
];

/// A configuration that is being loaded, and the errors found so far. The value of a key with an error is dropped, so
/// that the other keys are still checked.
pub(super) struct Draft<'a> {
    defaults: Json,
    /// The sections of the application.
    sections: &'a [Section],
    assignments: BTreeMap<String, Assignment>,
    errors: Vec<ConfigError>,
    /// The keys whose value was dropped, and the suggestions for unknown keys. An error that names one of them may be
    /// a consequence of the earlier error.
    suspects: Vec<String>,
}

/// The values of a configuration.
pub(super) struct Extracted {
    pub(super) config: Config,
    /// The values of the application's sections, with their names.
    pub(super) sections: Vec<(&'static str, SectionValue)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(defaults: Json, sections: &'a [Section], errors: Vec<ConfigError>) -> Self {
        Self { defaults, sections, assignments: BTreeMap::new(), errors, suspects: Vec::new() }
    }

    /// Adds layers in ascending priority: a later layer replaces the values of an earlier one.
    pub(super) fn add_layers(&mut self, layers: impl IntoIterator<Item = Vec<Assignment>>) {
        for layer in layers {
            let pairs = MUTUALLY_EXCLUSIVE.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]);
            for (one, other) in pairs {
                if layer.iter().any(|assignment| assignment.key() == one) {
                    self.assignments.remove(other);
                }
            }
            self.errors.extend(layer.iter().filter_map(|assignment| assignment.duplicate_in(&layer)));
            for assignment in layer {
                if let Err(error) = check_known(&assignment, &self.defaults) {
                    self.record_once(error);
                    continue;
                }
                let key = assignment.key();
                self.assignments.retain(|other, _| !is_nested_under(other, &key));
                self.assignments.insert(key, assignment);
            }
        }
    }

    /// The source of each key.
    pub(super) fn sources(&self) -> BTreeMap<String, Source> {
        self.assignments.iter().map(|(key, assignment)| (key.clone(), assignment.source.clone())).collect()
    }

    /// The values, without those of a wrong type. `None` if they cannot be read even without them.
    pub(super) fn extract(&mut self) -> Option<Extracted> {
        loop {
            let error = match self.try_extract() {
                Ok(extracted) => return Some(extracted),
                Err(error) => error,
            };
            // The path of a list's item ends with its index. The key is the list.
            let is_name = |name: &&String| name.parse::<usize>().is_err();
            let names: Vec<&str> = error.path.iter().take_while(is_name).map(String::as_str).collect();
            let key = names.join(".");
            let error = self.wrong_type(&key, &error);
            self.record_once(error);
            if !self.drop_value(&key) {
                return None;
            }
        }
    }

    fn try_extract(&self) -> Result<Extracted, Box<figment::Error>> {
        let is_ours = |first: &str| self.sections.iter().all(|section| section.name != first);
        let ours = Figment::from(Serialized::defaults(Config::default()));
        let config = self.merge(ours, is_ours).extract()?;
        let mut sections = Vec::new();
        for section in self.sections {
            let defaults = Serialized::default(section.name, (section.defaults)());
            let figment = self.merge(Figment::from(defaults), |first| first == section.name);
            sections.push((section.name, (section.extract)(&figment, section.name)?));
        }
        Ok(Extracted { config, sections })
    }

    /// Merges the assignments whose first name is accepted.
    fn merge(&self, figment: Figment, accepts: impl Fn(&str) -> bool) -> Figment {
        let is_accepted =
            |assignment: &&Assignment| assignment.path.first().is_some_and(|first| accepts(first));
        let assignments = self.assignments.values().filter(is_accepted).cloned();
        assignments
            .fold(figment, |figment, assignment| figment.merge(Serialized::defaults(assignment.nested())))
    }

    /// The values after the application's changes, without those that have a wrong type or are invalid.
    pub(super) fn check(&mut self, configure: &dyn Fn(&mut Config)) -> Option<Extracted> {
        loop {
            let mut extracted = self.extract()?;
            configure(&mut extracted.config);
            let Err(invalid) = extracted.config.check() else { return Some(extracted) };
            let (key, set_in) = (invalid.key.clone(), source_of(&self.sources(), &invalid.key));
            if !self.may_be_consequence(&invalid) {
                self.errors.push(ConfigError::InvalidValue { invalid, set_in });
            }
            if !self.drop_value(&key) {
                return None;
            }
        }
    }

    /// Records the error of a result.
    pub(super) fn record<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// The result, or all recorded errors.
    pub(super) fn finish<T>(mut self, result: Option<T>) -> Result<T, ConfigError> {
        match (self.errors.pop(), result) {
            (None, Some(result)) => Ok(result),
            (None, None) => Err(ConfigError::Other("the configuration cannot be read".to_owned())),
            (Some(only), _) if self.errors.is_empty() => Err(only),
            (Some(last), _) => {
                self.errors.push(last);
                Err(ConfigError::Several(self.errors))
            }
        }
    }

    /// Records an error, unless the same unknown key was recorded before: each key in an unknown section would
    /// repeat it.
    fn record_once(&mut self, error: ConfigError) {
        if let ConfigError::Unknown { key, set_in, nearest, .. } = &error {
            let is_same = |other: &ConfigError| matches!(other, ConfigError::Unknown { key: other, set_in: source, .. } if other == key && source == set_in);
            if self.errors.iter().any(is_same) {
                return;
            }
            self.suspects.extend(nearest.clone());
        }
        self.errors.push(error);
    }

    /// Whether an invalid value may become valid once the earlier errors are corrected.
    fn may_be_consequence(&self, invalid: &InvalidValue) -> bool {
        self.suspects.iter().any(|key| *key != invalid.key && invalid.expected.contains(key.as_str()))
    }

    /// Drops the value of a key. Returns `false` if there was none.
    fn drop_value(&mut self, key: &str) -> bool {
        let count = self.assignments.len();
        if self.assignments.remove(key).is_none() {
            let is_related = |other: &str| is_nested_under(other, key) || is_nested_under(key, other);
            self.assignments.retain(|other, _| !is_related(other));
        }
        self.suspects.push(key.to_owned());
        self.assignments.len() < count
    }

    fn wrong_type(&self, key: &str, error: &figment::Error) -> ConfigError {
        let set_in = source_of(&self.sources(), key);
        if key.is_empty() {
            return ConfigError::Other(format!("the configuration cannot be read (set in {set_in})"));
        }
        ConfigError::wrong_type(key.to_owned(), &error.kind, find(&self.defaults, key), set_in)
    }
}

fn is_nested_under(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns an error if the key does not exist.
fn check_known(assignment: &Assignment, defaults: &Json) -> Result<(), ConfigError> {
    let mut known = defaults;
    let mut section = String::new();
    for name in &assignment.path {
        if FREE_FORM_SECTIONS.contains(&section.as_str()) {
            return Ok(());
        }
        // A table in place of a value is a wrong type, which `extract` reports.
        let Json::Object(names) = known else { return Ok(()) };
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        let names_of = || names.keys().map(String::as_str);
        let unknown = || ConfigError::unknown(key.clone(), names_of(), assignment.source.clone());
        known = names.get(name).ok_or_else(unknown)?;
        section = key;
    }
    Ok(())
}

/// The source of a key. For a section, the source of its first key that is set.
pub(super) fn source_of(sources: &BTreeMap<String, Source>, key: &str) -> Source {
    let is_related = |name: &str| is_nested_under(name, key) || is_nested_under(key, name);
    let first_related = || sources.iter().find(|(name, _)| is_related(name)).map(|(_, source)| source);
    sources.get(key).or_else(first_related).cloned().unwrap_or_default()
}
