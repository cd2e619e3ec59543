use std::ffi::{OsStr, OsString};

use figment::{
    Provider,
    providers::{Format, Toml},
    value::Value,
};
use serde_json::Value as Json;

use super::{
    ConfigError, Source,
    nearest::nearest,
    source::{Assignment, find, replace_former_name},
};

/// The prefix of our environment variables.
const PREFIX: &str = "PORTCULLIS_";

/// The variable from which many programs read the URL of their database.
const DATABASE_URL: &str = "DATABASE_URL";

/// The variable of `--config`, without the prefix.
const FILE: &str = "CONFIG";

/// The maximum length of a name for which a similar key is searched. The time of a comparison is the product of both
/// lengths.
const MAX_COMPARED: usize = 64;

/// The environment variables that matter to the configuration.
#[derive(Default)]
pub(super) struct Environment {
    /// The assignment of `DATABASE_URL`. Other programs read that variable as well, so variables with our prefix
    /// override it.
    pub(super) generic: Vec<Assignment>,
    /// The assignments of the variables with our prefix.
    pub(super) prefixed: Vec<Assignment>,
    /// The variables with our prefix that name no key.
    pub(super) unknown: Vec<UnknownVariable>,
}

/// A variable with our prefix that names neither a section nor a key. It is ignored, because Kubernetes and Docker
/// set variables with such names for services (see [`is_reserved`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownVariable {
    pub(super) name: String,
    /// The variable that was probably meant.
    pub(super) suggestion: Option<String>,
}

/// Reads the environment variables. An empty variable counts as not set, because compose files and unit files cannot
/// omit a variable.
pub(super) fn from_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    defaults: &Json,
    errors: &mut Vec<ConfigError>,
) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in variables.filter(|(_, value)| !value.is_empty()) {
        let Some(name) = name.to_str() else { continue };
        let path = match name.strip_prefix(PREFIX) {
            _ if name == DATABASE_URL => ["database", "url"].map(ToOwned::to_owned).into(),
            None | Some(FILE) => continue,
            Some(rest) => match path_of(rest, defaults) {
                Some(path) => path,
                None if is_reserved(rest, &value) => continue,
                None => {
                    let suggestion = suggest(rest, defaults);
                    environment.unknown.push(UnknownVariable { name: name.to_owned(), suggestion });
                    continue;
                }
            },
        };
        let Ok(text) = value.into_string() else {
            errors.push(ConfigError::NotUnicode(name.to_owned()));
            continue;
        };
        let mut assignment =
            Assignment::new(path, text.as_str().into(), Source::Environment(name.to_owned()));
        let key = assignment.key();
        assignment.value = typed(&key, text, find(defaults, &key));
        let layer = if name == DATABASE_URL { &mut environment.generic } else { &mut environment.prefixed };
        layer.push(assignment);
    }
    environment
}

/// The path of the key that a variable names. The variable is passed without its prefix. The first name must be a
/// section or a key. Further names may be unknown, which is reported as an error later.
fn path_of(variable: &str, defaults: &Json) -> Option<Vec<String>> {
    let key = variable.to_lowercase().replace("__", ".");
    let path: Vec<String> = key.split('.').map(ToOwned::to_owned).collect();
    let mut present = path.clone();
    replace_former_name(&mut present);
    let first = defaults.get(present.first()?)?;
    (path.len() == 1 || first.is_object()).then_some(path)
}

/// Whether Kubernetes sets the variable for a service whose name starts with ours, or Docker for a linked container.
fn is_reserved(variable: &str, value: &OsStr) -> bool {
    let name = format!("_{variable}");
    let parts: Vec<&str> = name.split('_').collect();
    let is_port = |part: &[&str]| {
        part[0] == "PORT" && part[1].parse::<u16>().is_ok() && ["TCP", "UDP", "SCTP"].contains(&part[2])
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.to_str().is_some_and(|value| value.contains("://")))
        || parts.windows(3).any(is_port)
}

/// The variable that was probably meant: one with other underscores, with a section, or with a similar spelling.
fn suggest(variable: &str, defaults: &Json) -> Option<String> {
    if variable.len() > MAX_COMPARED {
        return None;
    }
    let flat = |name: &str| name.to_uppercase().replace("__", "_");
    let mut keys = Vec::new();
    collect_keys(String::new(), defaults, &mut keys);
    let names: Vec<(String, String)> = keys
        .iter()
        .map(|key| key.to_uppercase().replace('.', "__"))
        .map(|name| (flat(&name), name))
        .collect();
    let wanted = flat(variable);
    let ending = format!("_{wanted}");
    // A section in a section is not left out by mistake.
    let is_in_a_section =
        |flat: &str| flat.strip_suffix(&ending).is_some_and(|section| !section.contains('_'));
    let mut in_a_section = names.iter().filter(|(flat, _)| is_in_a_section(flat));
    let found = match (in_a_section.next(), in_a_section.next()) {
        (Some((flat, _)), None) if !names.iter().any(|(flat, _)| *flat == wanted) => Some(flat.as_str()),
        _ => nearest(&wanted, names.iter().map(|(flat, _)| flat.as_str())),
    };
    let (_, name) = names.iter().find(|(flat, _)| Some(flat.as_str()) == found)?;
    Some(format!("{PREFIX}{name}"))
}

/// Collects all keys, with and without a default.
fn collect_keys(key: String, value: &Json, keys: &mut Vec<String>) {
    match value {
        Json::Object(entries) => {
            for (name, value) in entries {
                let nested = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                collect_keys(nested, value, keys);
            }
        }
        _ => keys.push(key),
    }
}

/// Parses a text as a value of the type that the key's default has.
fn typed(key: &str, text: String, default: Option<&Json>) -> Value {
    let number = |text: String| text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
    match default {
        Some(Json::Bool(_)) => text.parse::<bool>().map_or_else(|_| Value::from(text.as_str()), Value::from),
        Some(Json::Number(_)) => number(text),
        Some(Json::Array(_)) => list(&text),
        // The only numbers without a default.
        Some(Json::Null) if ["mail.smtp.port", "passwords.workers"].contains(&key) => number(text),
        None if key.starts_with("roles.") => list(&text),
        None if key.starts_with("tokens.custom_claims.") => {
            let json = serde_json::from_str::<Json>(&text).ok();
            let json = json.and_then(|json| Value::serialize(json).ok());
            json.or_else(|| array(&text)).unwrap_or_else(|| Value::from(text))
        }
        _ => Value::from(text),
    }
}

/// Parses a list of texts: an array of JSON or TOML, or items separated by commas, with or without brackets.
fn list(text: &str) -> Value {
    if let Some(array) = array(text) {
        return array;
    }
    let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let item = |item: &str| item.trim().trim_matches(['"', '\'']).to_owned();
    let items = inner.split(',').map(item).filter(|item| !item.is_empty());
    Value::from(items.collect::<Vec<String>>())
}

/// Parses an array of JSON or TOML.
fn array(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with('[') {
        return None;
    }
    let json = serde_json::from_str::<Vec<Json>>(text).ok().and_then(|json| Value::serialize(json).ok());
    json.or_else(|| {
        let profiles = Toml::string(&format!("list = {text}")).data().ok()?;
        profiles.into_values().next()?.remove("list")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn defaults() -> Json {
        serde_json::to_value(Config::default()).expect("the defaults serialize")
    }

    #[test]
    fn a_similar_variable_is_suggested() {
        for (variable, wanted) in [
            ("HTTP_LISTEN", Some("HTTP__LISTEN")),
            ("HTPP__LISTEN", Some("HTTP__LISTEN")),
            ("LISTEN", Some("HTTP__LISTEN")),
            ("TRUSTED_PROXIES", Some("HTTP__TRUSTED_PROXIES")),
            ("DATABASE_URL", Some("DATABASE__URL")),
            ("DATA__DIR", Some("DATA_DIR")),
            ("SECRET_FIEL", Some("SECRET_FILE")),
            ("HTTP_STREAMS_MAX_OPEN", Some("HTTP__STREAMS__MAX_OPEN")),
            // In more than one section.
            ("FREE_ATTEMPTS", None),
            ("POSTGRESQL_URL", None),
            ("", None),
        ] {
            let wanted = wanted.map(|name| format!("{PREFIX}{name}"));
            assert_eq!(suggest(variable, &defaults()), wanted, "{variable}");
        }
        assert_eq!(suggest(&"LISTEN".repeat(100_000), &defaults()), None);
    }

    #[test]
    fn a_variable_of_a_kubernetes_service_is_recognised() {
        for (variable, value) in [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT_HTTP", "4000"),
            ("PORT", "tcp://10.0.0.1:4000"),
            ("PORT_4000_TCP_ADDR", "10.0.0.1"),
            ("POSTGRESQL_SERVICE_HOST", "10.0.0.2"),
            ("POSTGRESQL_PORT_5432_TCP", "tcp://10.0.0.2:5432"),
            ("DNS_PORT_53_UDP_PROTO", "udp"),
        ] {
            assert!(is_reserved(variable, OsStr::new(value)), "{variable}");
        }
        for (variable, value) in [("PORT", "4000"), ("HTTP_LISTEN", "10.0.0.1:1"), ("PORT_OF_CALL", "x")] {
            assert!(!is_reserved(variable, OsStr::new(value)), "{variable}");
        }
    }

    #[test]
    fn a_list_has_commas_or_is_an_array() {
        let text = Value::from(vec!["a", "b"]);
        for written in
            ["a,b", " a , b ", "[\"a\",\"b\"]", "['a', \"b\"]", "[\n'a', # first\n'b',\n]", "[a, b]", "a,b,"]
        {
            let Value::Array(_, items) = list(written) else { panic!("{written} is no list") };
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            assert_eq!(Value::from(items), text, "{written}");
        }
        for broken in ["[", "]", "[[", "['a'", ",", "[]", "\"", "['a'], b = ['c']"] {
            assert!(matches!(list(broken), Value::Array(..)), "{broken}");
        }
    }
}
