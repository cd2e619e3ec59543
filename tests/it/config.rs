//! The configuration, as `portcullis config` shows it.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::cli::Place;

/// The annotated example at the root of the repository.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("portcullis.example.toml");
    fs::read_to_string(path).expect("the example is there")
}

/// Each key with its value and where that was set.
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
        if !value.is_null() {
            // An empty table sets nothing that could be told apart from the default.
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
fn the_later_of_file_environment_and_flag_wins_and_is_named() {
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
fn a_variable_is_read_as_what_its_key_is() {
    let place = Place::bare()
        .with("PORTCULLIS_TOKENS__ACCESS_TTL", "3s")
        .with("PORTCULLIS_TOKENS__AUDIENCE", "42")
        .with("PORTCULLIS_LIMITS__ENABLED", "false")
        .with("PORTCULLIS_LIMITS__PAIR__FREE", "7")
        .with("PORTCULLIS_PASSWORDS__WORKERS", "2")
        .with("PORTCULLIS_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1/128")
        .with("PORTCULLIS_ACCOUNTS__DEFAULT_ROLES", "[\"user\", \"editor\"]")
        .with("PORTCULLIS_ROLES__EDITOR__SCOPES", "posts:write,posts:read")
        .with("PORTCULLIS_TOKENS__CUSTOM_CLAIMS__TENANT", "acme")
        .with("PORTCULLIS_TOKENS__CUSTOM_CLAIMS__LEVEL", "3")
        .with("PORTCULLIS_DATA_DIR", "2024")
        .with("DATABASE_URL", "")
        .with("PORTCULLIS_CONFIG", "");
    let shown = shown(&place, "");
    for (key, value) in [
        ("tokens.access_ttl", json!("3s")),
        ("tokens.audience", json!("42")),
        ("limits.enabled", json!(false)),
        ("limits.pair.free", json!(7)),
        ("limits.pair.forget_after", json!("1h")),
        ("passwords.workers", json!(2)),
        ("http.trusted_proxies", json!(["10.0.0.0/8", "::1/128"])),
        ("accounts.default_roles", json!(["user", "editor"])),
        ("roles.editor.scopes", json!(["posts:write", "posts:read"])),
        ("tokens.custom_claims.tenant", json!("acme")),
        ("tokens.custom_claims.level", json!(3)),
        ("data_dir", json!("2024")),
        ("database.url", json!(null)),
    ] {
        assert_eq!(shown[key].0, value, "{key}");
    }
}

#[test]
fn a_mistake_is_told_with_its_key_where_it_was_set_and_what_would_be_right() {
    for (name, value, says) in [
        ("PORTCULLIS_HTTP__LISTNE", "x", "http.listne is not a key"),
        ("PORTCULLIS_HTTP__LISTNE", "x", "the keys of [http] are listen, "),
        ("PORTCULLIS_NOPE", "x", "nope is not a key"),
        ("PORTCULLIS_ROLES__EDITOR__SCOPE", "x", "roles.editor.scope is not a key"),
        ("PORTCULLIS_HTTP", "x", "http must be a section"),
        ("PORTCULLIS_HTTP__LISTEN", "localhost", "http.listen must be an IP address and a port"),
        ("PORTCULLIS_HTTP__TRUSTED_PROXIES", "proxy", "http.trusted_proxies must be a list of IP"),
        ("PORTCULLIS_TOKENS__ACCESS_TTL", "soon", "tokens.access_ttl must be a time such as 3s"),
        ("PORTCULLIS_TOKENS__ACCESS_TTL", "0s", "tokens.access_ttl must be between 1s and 1d"),
        ("PORTCULLIS_LIMITS__ENABLED", "maybe", "limits.enabled must be true or false"),
        ("PORTCULLIS_GRAPHQL__MAX_DEPTH", "deep", "graphql.max_depth must be a whole number"),
        ("PORTCULLIS_GRAPHQL__MAX_DEPTH", "99", "graphql.max_depth must be at most 30"),
        ("PORTCULLIS_GRAPHQL__INTROSPECTION", "all", "must be one of everyone, signed_in, off"),
        ("PORTCULLIS_ACCOUNTS__DEFAULT_ROLES", "king", "names the role \"king\""),
        ("PORTCULLIS_TOKENS__CUSTOM_CLAIMS__SUB", "x", "a claim that Portcullis sets itself"),
        ("PORTCULLIS_SECRET", "hush", "secret must have at least 32 bytes"),
        ("DATABASE_URL", "mysql://ada:hush@db", "database.url must start with sqlite: or postgres://"),
        ("PORTCULLIS_DATABASE__URL_FILE", "nowhere", "the file nowhere, which cannot be read"),
        ("PORTCULLIS_CONFIG", "nowhere.toml", "the file nowhere.toml, which cannot be read"),
    ] {
        let error = Place::bare().with(name, value).run("config").failed();
        assert!(error.contains(says), "{name}={value}: {error}");
        assert!(error.contains(name) || error.contains("_file names"), "{name}={value}: {error}");
        assert!(!error.contains("hush"), "{error}");
        assert!(error.lines().count() <= 2, "{error}");
    }
}

#[test]
fn a_mistake_in_the_file_is_told_without_what_could_be_secret() {
    for (text, says) in [
        ("secret = hush", "portcullis.toml is not TOML: at line 1, column 10"),
        ("secret = 17", "secret must be text (set in portcullis.toml)"),
        ("database = \"postgres://ada:hush@db\"", "database must be a section"),
        ("[database]\nurl = [\"hush\"]", "database.url must be text"),
        ("[database]\npassword = \"hush\"", "database.password is not a key"),
        ("[limits]\nenabled = \"yes\"", "limits.enabled must be true or false"),
        ("[roles.editor]\nscopes = \"a\"", "roles.editor.scopes must be a list"),
    ] {
        let place = Place::bare();
        place.write("portcullis.toml", text);
        let error = place.run("config").failed();
        assert!(error.contains(says), "{text}: {error}");
        assert!(!error.contains("hush") && !error.contains("17"), "{text}: {error}");
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
fn of_a_secret_and_its_file_the_one_that_was_set_later_counts() {
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

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_no_mistake() {
    let place = Place::bare()
        .with("PORTCULLIS_SERVICE_HOST", "10.0.0.1")
        .with("PORTCULLIS_SERVICE_PORT_HTTP", "4000")
        .with("PORTCULLIS_PORT", "tcp://10.0.0.1:4000")
        .with("PORTCULLIS_PORT_4000_TCP_ADDR", "10.0.0.1");
    place.run("config").done();
}
