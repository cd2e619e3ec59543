use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{config::Config, secret::MasterSecret};

/// The settings that must be equal in all processes on one database, by key. Otherwise, for example, one server rejects
/// the tokens that another one issues.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Settings(BTreeMap<String, String>);

/// The number of bytes of a fingerprint. It distinguishes values, but does not reveal them.
const FINGERPRINT_BYTES: usize = 6;

/// The text that is shown for a setting that the other process does not have.
const NONE: &str = "none";

impl Settings {
    /// The settings of a process. `kid_of_file` names the key that signs instead of those in the database.
    #[must_use]
    pub fn new(config: &Config, secret: &MasterSecret, kid_of_file: Option<&str>) -> Self {
        let mut settings = BTreeMap::new();
        let sections = [
            ("accounts", serde_json::to_value(&config.accounts)),
            ("admin", serde_json::to_value(&config.admin)),
            ("audit", serde_json::to_value(&config.audit)),
            ("factors", serde_json::to_value(&config.factors)),
            ("limits", serde_json::to_value(&config.limits)),
            ("tokens", serde_json::to_value(&config.tokens)),
        ];
        for (section, values) in sections {
            let Ok(Value::Object(values)) = values else { continue };
            for (key, value) in values {
                settings.insert(format!("{section}.{key}"), shown(&value));
            }
        }
        let issuer = config.configured_issuer();
        settings.insert("tokens.issuer".to_owned(), issuer.unwrap_or_else(|| NONE.to_owned()));
        // The path may differ; the key may not.
        let file = kid_of_file.unwrap_or(NONE).to_owned();
        settings.insert("tokens.signing_key_file".to_owned(), file);
        let roles = serde_json::to_vec(&config.roles).unwrap_or_default();
        settings.insert("roles".to_owned(), fingerprint(&roles));
        settings.insert("secret".to_owned(), fingerprint(secret.derive("settings fingerprint v1").as_ref()));
        Self(settings)
    }

    /// The keys that differ, with the value here and the value there.
    pub(super) fn differences<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (String, String, String)> + 'a {
        let keys: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let value = |settings: &Self, key| settings.0.get(key).map_or(NONE, String::as_str).to_owned();
        let both = keys.into_iter().map(move |key| (key.clone(), value(self, key), value(other, key)));
        both.filter(|(_, here, there)| here != there)
    }
}

/// The text that is shown for a value. Lists and tables are shown as a fingerprint, because they are long and custom
/// claims may be confidential.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => fingerprint(value.to_string().as_bytes()),
    }
}

fn fingerprint(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let hex = hash.as_ref().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}"));
    format!("(fingerprint {})", hex.collect::<String>())
}
