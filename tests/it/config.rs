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
        ("PORTCULLIS_HTTP__LISTNE", "x", "the keys of [http] are cookies, "),
        ("PORTCULLIS_NOPE", "x", "nope is not a key"),
        ("PORTCULLIS_ROLES__EDITOR__SCOPE", "x", "roles.editor.scope is not a key"),
        ("PORTCULLIS_HTTP", "x", "http must be a section"),
        ("PORTCULLIS_HTTP__LISTEN", "localhost", "http.listen must be an IP address and a port"),
        ("PORTCULLIS_HTTP__TRUSTED_PROXIES", "proxy", "http.trusted_proxies must be a list of IP"),
        ("PORTCULLIS_HTTP__TRUSTED_PROXIES", "10.0.0.0/8,::/0", "http.trusted_proxies cannot be everybody"),
        ("PORTCULLIS_HTTP__COOKIES", "on", "http.cookies must be one of secure, plain, off"),
        ("PORTCULLIS_HTTP__HEADER_TIMEOUT", "1ms", "http.header_timeout must be between 100ms and 1h"),
        ("PORTCULLIS_HTTP__IDLE_TIMEOUT", "0s", "http.idle_timeout must be between 100ms and 1h"),
        ("PORTCULLIS_HTTP__MAX_BUFFERED_BYTES", "1024", "_bytes must be at least http.max_body_bytes"),
        ("PORTCULLIS_HTTP__MAX_CONNECTIONS", "0", "http.max_connections must be at least 1"),
        ("PORTCULLIS_HTTP__MAX_CONNECTIONS_PER_ADDRESS", "0", "_per_address must be at least 1"),
        ("PORTCULLIS_HTTP__MAX_CONCURRENT_REQUESTS", "0", "_requests must be at least 1"),
        ("PORTCULLIS_GRAPHQL__MAX_BATCH", "0", "graphql.max_batch must be between 1 and 100"),
        ("PORTCULLIS_GRAPHQL__MAX_LIST_ITEMS", "0", "graphql.max_list_items must be at least 1"),
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
fn an_origin_that_is_not_one_or_is_everybodys_stops_the_start() {
    for (origin, says) in [
        ("*", "any page could then act as whoever visits it"),
        ("https://app.example.com,*", "any page could then act as whoever visits it"),
        ("null", "sandboxed frames"),
        ("app.example.com", "as browsers write them"),
        ("https://", "as browsers write them"),
        ("https://app.example.com/", "as browsers write them"),
        ("https://app.example.com/app", "as browsers write them"),
        ("https://*.example.com", "as browsers write them"),
        ("https://App.example.com", "as browsers write them"),
        ("HTTPS://app.example.com", "as browsers write them"),
        ("https://app.example.com:443", "as browsers write them"),
        ("http://app.example.com:80", "as browsers write them"),
        ("https://app.example.com:", "as browsers write them"),
        ("https://ada@app.example.com", "as browsers write them"),
        ("https://bücher.example", "as browsers write them"),
        ("file://x", "as browsers write them"),
    ] {
        let error = Place::bare().with("PORTCULLIS_HTTP__CORS_ORIGINS", origin).run("config").failed();
        assert!(error.contains(says) && error.contains("http.cors_origins"), "{origin}: {error}");
    }
    let origins = "https://app.example.com, http://localhost:3000, https://xn--bcher-kva.example:8443, http://[::1]:3000";
    Place::bare().with("PORTCULLIS_HTTP__CORS_ORIGINS", origins).run("config").done();
}

#[test]
fn a_refresh_token_cannot_be_made_to_cross_a_network_in_the_clear() {
    let run = |settings: &[(&str, &str)], line: &str| {
        settings
            .iter()
            .fold(Place::bare(), |place, (key, value)| place.with(&format!("PORTCULLIS_HTTP__{key}"), *value))
            .run(line)
    };
    let (tls, plain, off) =
        (("PUBLIC_URL", "https://id.example.com"), ("COOKIES", "plain"), ("COOKIES", "off"));
    for public in ["0.0.0.0:4000", "[::]:4000", "192.0.2.1:4000"] {
        let line = format!("config --listen {public}");
        for settings in [&[][..], &[("PUBLIC_URL", "http://id.example.com")]] {
            let error = run(settings, &line).failed();
            for part in ["http.listen", "http.public_url", "http.cookies to off", "flag --listen"] {
                assert!(error.contains(part), "{public}: {error}");
            }
        }
        run(&[tls], &line).done();
        run(&[off], &line).done();
        let error = run(&[plain, tls], &line).failed();
        assert!(error.contains("http.cookies can be plain only"), "{error}");
    }
    for own in ["127.0.0.1:4000", "[::1]:4000", "127.0.0.2:4000", "[::ffff:127.0.0.1]:4000"] {
        let line = format!("config --listen {own}");
        run(&[], &line).done();
        run(&[plain], &line).done();
        run(&[tls], &line).done();
        let error = run(&[plain, tls], &line).failed();
        assert!(error.contains("http.cookies can be plain only"), "{error}");
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
