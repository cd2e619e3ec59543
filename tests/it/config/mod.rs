//! The configuration, as `portcullis config` shows it.

mod environment;
mod mistakes;
mod warnings;

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::cli::Place;

/// The annotated example at the root of the repository.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("portcullis.example.toml");
    fs::read_to_string(path).expect("the example is there")
}

/// The value and the source of each key.
fn shown(place: &Place, options: &str) -> BTreeMap<String, (Value, String)> {
    let values = place.run(&format!("config --json {options}")).json();
    let entry = |value: &Value| {
        let text = |name: &str| value[name].as_str().expect("text").to_owned();
        (text("key"), (value["value"].clone(), text("source")))
    };
    values.as_array().expect("a list").iter().map(entry).collect()
}

#[test]
fn the_example_file_is_the_defaults() {
    let place = Place::bare();
    let defaults = shown(&place, "");
    place.write("portcullis.toml", &example());
    let from_example = shown(&place, "");
    for (key, (value, _)) in &defaults {
        assert_eq!(value, &from_example[key].0, "{key}");
    }
    assert_eq!(defaults.len(), from_example.len());
}

#[test]
fn the_example_file_mentions_every_key_in_its_section() {
    let place = Place::bare();
    place.write("portcullis.toml", &example());
    let example = example();
    for (key, (value, source)) in shown(&place, "") {
        if !value.is_null() && !source.starts_with("derived from ") {
            // An empty table cannot be distinguished from the default.
            assert!(source == "portcullis.toml" || value == json!({}), "{key} is not set");
            continue;
        }
        let (section, name) = key.rsplit_once('.').unwrap_or(("", &key));
        let start = match section {
            "" => 0,
            section => example.find(&format!("\n[{section}]\n")).expect("has its section") + 2,
        };
        let section = example[start..].split("\n[").next().expect("is not empty");
        assert!(section.contains(&format!("\n# {name} = ")), "{key} is not mentioned");
    }
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let place = Place::bare();
    let source = |place: &Place, options: &str| shown(place, options)["http.listen"].1.clone();
    assert_eq!(source(&place, ""), "default");
    place.write("portcullis.toml", "[http]\nlisten = \"127.0.0.1:1\"");
    assert_eq!(source(&place, ""), "portcullis.toml");
    place.write("other.toml", "[http]\nlisten = \"127.0.0.1:2\"");
    assert_eq!(source(&place, "--config other.toml"), "other.toml");
    let place = place.with("PORTCULLIS_HTTP__LISTEN", "127.0.0.1:3");
    assert_eq!(source(&place, ""), "PORTCULLIS_HTTP__LISTEN");
    let with_flag = shown(&place, "--listen 127.0.0.1:4 --data-dir here");
    assert_eq!(with_flag["http.listen"], (json!("127.0.0.1:4"), "flag --listen".to_owned()));
    assert_eq!(with_flag["data_dir"], (json!("here"), "flag --data-dir".to_owned()));
}

#[test]
fn a_derived_value_is_shown_with_the_key_that_it_is_derived_from() {
    let place = Place::bare();
    let derived = shown(&place, "--listen 127.0.0.1:4001 --data-dir here");
    for (key, value, from) in [
        ("http.public_url", "http://127.0.0.1:4001", "http.listen"),
        ("tokens.issuer", "http://127.0.0.1:4001", "http.public_url"),
        ("secret_file", "here/secret", "data_dir"),
        ("database.url", "sqlite:here/portcullis.db", "data_dir"),
    ] {
        assert_eq!(derived[key], (json!(value), format!("derived from {from}")), "{key}");
    }
    assert!(derived["passwords.workers"].0.as_u64().is_some_and(|workers| workers >= 1));
    assert_eq!(derived["passwords.workers"].1, "derived from the number of cores");
    assert_eq!(derived["graphql.trusted_documents"], (json!(null), "default".to_owned()));
    let table = place.run("config").done();
    assert!(table.lines().any(|line| line.starts_with("tokens.issuer") && line.contains("derived from")));
    let place = place
        .with("PORTCULLIS_SECRET", "0123456789012345678901234567890123456789")
        .with("PORTCULLIS_HTTP__PUBLIC_URL", "https://id.example.com")
        .with("DATABASE_URL", "postgres://db/portcullis");
    let set = shown(&place, "");
    assert_eq!(set["secret_file"].0, json!(null), "the secret is not in a file");
    assert_eq!(set["database.url"].1, "DATABASE_URL");
    assert_eq!(set["http.public_url"].1, "PORTCULLIS_HTTP__PUBLIC_URL");
    assert_eq!(set["tokens.issuer"].0, "https://id.example.com");
}

#[test]
fn the_former_names_of_the_backoff_keys_are_accepted() {
    for (former, present, text, value) in [
        ("free", "free_attempts", "7", json!(7)),
        ("first_delay", "initial_delay", "\"2s\"", json!("2s")),
        ("longest_delay", "max_delay", "\"10m\"", json!("10m")),
    ] {
        for section in ["pair", "account", "address", "register", "logins", "changes"] {
            let (key, former_key) =
                (format!("limits.{section}.{present}"), format!("limits.{section}.{former}"));
            let place = Place::bare();
            place.write("portcullis.toml", &format!("{former_key} = {text}"));
            let from_file = shown(&place, "");
            assert_eq!(from_file[&key], (value.clone(), "portcullis.toml".to_owned()), "{key}");
            assert!(!from_file.contains_key(&former_key), "{former_key}");
            let name = format!("PORTCULLIS_LIMITS__{section}__{former}").to_uppercase();
            let place = place.with(&name, text.trim_matches('"'));
            assert_eq!(shown(&place, "")[&key], (value.clone(), name), "{key}");
        }
    }
}

#[test]
fn the_former_names_of_the_secondary_secret_are_accepted() {
    for (former, present, value, shown_value) in [
        ("other_secret", "secondary_secret", "0123456789abcdef0123456789abcdef", json!("********")),
        ("other_secret_file", "secondary_secret_file", "former-secret", json!("former-secret")),
    ] {
        for name in [former, present] {
            let place = Place::bare();
            place.write("portcullis.toml", &format!("{name} = \"{value}\""));
            let from_file = shown(&place, "");
            assert_eq!(from_file[present], (shown_value.clone(), "portcullis.toml".to_owned()), "{name}");
            assert!(!from_file.contains_key(former), "{name}");
            let variable = format!("PORTCULLIS_{name}").to_uppercase();
            let place = Place::bare().with(&variable, value);
            assert_eq!(shown(&place, "")[present], (shown_value.clone(), variable), "{name}");
        }
    }
}

#[test]
fn secrets_are_never_shown() {
    let place = Place::bare()
        .with("PORTCULLIS_SECRET", "0123456789012345678901234567890123456789")
        .with("DATABASE_URL", "postgres://ada:hush@db/portcullis?password=hush");
    for line in ["config", "config --json"] {
        let shown = place.run(line).done();
        assert!(shown.contains("postgres://ada:********@db/portcullis"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("0123456789"), "{shown}");
    }
}

#[test]
fn a_later_layer_replaces_a_secret_by_its_file_and_the_reverse() {
    let place = Place::bare();
    place.write("url", "postgres://ada:hush@file/portcullis\n");
    place.write("portcullis.toml", "[database]\nurl = \"postgres://ada:hush@toml/portcullis\"");
    let place = place.with("PORTCULLIS_DATABASE__URL_FILE", "url");
    let url = &shown(&place, "")["database.url"];
    assert_eq!(url.0, "postgres://ada:********@file/portcullis");
    assert_eq!(url.1, "url (database.url_file: PORTCULLIS_DATABASE__URL_FILE)");
    let place = place.with("PORTCULLIS_DATABASE__URL", "postgres://env/portcullis");
    assert!(place.run("config").failed().contains("database.url and database.url_file are both set"));
}
