//! The configuration, as `portcullis config` shows it.

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
fn a_variable_is_parsed_as_the_type_of_its_key() {
    let place = Place::bare()
        .with("PORTCULLIS_TOKENS__ACCESS_TTL", "3s")
        .with("PORTCULLIS_TOKENS__AUDIENCE", "42")
        .with("PORTCULLIS_LIMITS__ENABLED", "false")
        .with("PORTCULLIS_LIMITS__PAIR__FREE_ATTEMPTS", "7")
        .with("PORTCULLIS_PASSWORDS__WORKERS", "2")
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
        ("limits.pair.free_attempts", json!(7)),
        ("limits.pair.forget_after", json!("1h")),
        ("passwords.workers", json!(2)),
        ("tokens.custom_claims.tenant", json!("acme")),
        ("tokens.custom_claims.level", json!(3)),
        ("data_dir", json!("2024")),
        ("database.url", json!("sqlite:2024/portcullis.db")),
    ] {
        assert_eq!(shown[key].0, value, "{key}");
    }
}

/// The lists of the configuration, and two items for each.
const LISTS: [(&str, [&str; 2]); 6] = [
    ("accounts.default_roles", ["user", "admin"]),
    ("http.cors_headers", ["x-tenant", "b3"]),
    ("http.cors_origins", ["https://app.example.com", "http://[::1]:3000"]),
    ("http.hosts", ["id.example.com", "[::1]"]),
    ("http.trusted_proxies", ["10.0.0.0/8", "::1/128"]),
    ("roles.editor.scopes", ["posts:write", "posts:read"]),
];

#[test]
fn a_list_in_the_environment_is_separated_by_commas_or_an_array() {
    for (key, [one, two]) in LISTS {
        let name = format!("PORTCULLIS_{}", key.to_uppercase().replace('.', "__"));
        for (written, items) in [
            (one.to_owned(), json!([one])),
            (format!("{one},{two}"), json!([one, two])),
            (format!(" {one} , {two}, "), json!([one, two])),
            (format!("[\"{one}\",\"{two}\"]"), json!([one, two])),
            (format!("['{one}', \"{two}\",]"), json!([one, two])),
            (format!("[{one}, {two}]"), json!([one, two])),
            ("[]".to_owned(), json!([])),
        ] {
            let place = Place::bare().with(&name, &*written);
            assert_eq!(shown(&place, "")[key].0, items, "{key}: {written}");
        }
    }
    let place = Place::bare().with("PORTCULLIS_TOKENS__CUSTOM_CLAIMS__GROUPS", "['a', 'b']");
    assert_eq!(shown(&place, "")["tokens.custom_claims.groups"].0, json!(["a", "b"]));
}

#[test]
fn all_lists_of_the_configuration_are_tested_in_the_environment() {
    for (key, (value, _)) in shown(&Place::bare(), "") {
        let is_tested = LISTS.iter().any(|(list, _)| *list == key) || key.starts_with("roles.");
        assert!(!value.is_array() || is_tested, "{key} is not among LISTS");
    }
}

#[test]
fn a_proxy_is_named_by_its_address_or_its_network() {
    let expected = json!(["127.0.0.1/32", "::1/128", "10.0.0.0/8", "192.0.2.7/32"]);
    let place = Place::bare()
        .with("PORTCULLIS_HTTP__TRUSTED_PROXIES", "127.0.0.1, ::1, 10.0.0.0/8, ::ffff:192.0.2.7");
    assert_eq!(shown(&place, "")["http.trusted_proxies"].0, expected);
    let place = Place::bare();
    place.write(
        "portcullis.toml",
        "http.trusted_proxies = [\"127.0.0.1\", \"::1\", \"10.0.0.0/8\", \"192.0.2.7\"]",
    );
    assert_eq!(shown(&place, "")["http.trusted_proxies"].0, expected);
    for wrong in ["127.0.0.1:80", "127.0.0", "10.0.0.0/33", "proxy", "10.0.0.0/8 ::1"] {
        let error = Place::bare().with("PORTCULLIS_HTTP__TRUSTED_PROXIES", wrong).run("config").failed();
        assert!(error.contains("must be a list of IP addresses or networks"), "{wrong}: {error}");
    }
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
fn all_errors_are_reported_at_once() {
    let place = Place::bare()
        .with("PORTCULLIS_HTTP__LISTN", "127.0.0.1:1")
        .with("PORTCULLIS_TOKENS__ACCESS_TTL", "soon")
        .with("PORTCULLIS_TOKENS__REFRESH_TTL", "0s")
        .with("PORTCULLIS_GRAPHQL__MAX_DEPTH", "99")
        .with("PORTCULLIS_GRAPHQL__MAX_BATCH", "0")
        .with("PORTCULLIS_LIMITS__ENABLED", "maybe")
        .with("PORTCULLIS_SECRET", "hush");
    place.write(
        "portcullis.toml",
        "[htpp]\nlisten = 1\ncookies = 2\n[passwords]\nmin_score = \"high\"\nqueue = 0",
    );
    let parts = [
        "htpp is not a key of the configuration (set in portcullis.toml); did you mean http?",
        "http.listn is not a key of the configuration (set in PORTCULLIS_HTTP__LISTN); did you mean http.listen?",
        "tokens.access_ttl must be a duration such as 3s, 15m or 7d (set in PORTCULLIS_TOKENS__ACCESS_TTL)",
        "tokens.refresh_ttl must be between 1s and 400d",
        "graphql.max_depth must be at most 30",
        "graphql.max_batch must be between 1 and 100",
        "limits.enabled must be true or false",
        "secret must have at least 32 bytes",
        "passwords.min_score must be a whole number from 0 to 4 (set in portcullis.toml)",
        "passwords.queue must be between 1 and 100000",
    ];
    let error = place.run("config").failed();
    assert!(error.starts_with("error: the configuration has 10 errors\n"), "{error}");
    for part in parts {
        assert_eq!(error.matches(part).count(), 1, "{part}: {error}");
    }
    assert!(!error.contains("hush"), "{error}");
    let report = place.run("doctor --json").out;
    let report: Value = serde_json::from_str(&report).expect("one JSON document");
    assert_eq!(report.as_array().expect("a list").len(), parts.len(), "a line for each: {report}");
    place.write("portcullis.toml", "not TOML");
    let error = place.run("config").failed();
    for part in ["portcullis.toml is not valid TOML", "http.listn", "tokens.access_ttl", "limits.enabled"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn an_error_that_may_follow_from_another_is_not_reported() {
    for (name, value) in [
        ("PORTCULLIS_HTTP__PUBLIC_URL", "id.example.com"),
        ("PORTCULLIS_HTTP__PUBLIC_ULR", "https://id.example.com"),
        ("PORTCULLIS_HTTP__COOKIES", "of"),
    ] {
        let place = Place::bare().with(name, value).with("PORTCULLIS_HTTP__LISTEN", "0.0.0.0:4000");
        let error = place.run("config").failed();
        assert!(!error.contains("TLS") && !error.contains("errors"), "{name}: {error}");
    }
}

#[test]
fn an_error_names_the_key_its_source_and_what_the_value_must_be() {
    for (name, value, says) in [
        ("PORTCULLIS_HTTP__LISTNE", "x", "http.listne is not a key"),
        ("PORTCULLIS_HTTP__LISTNE", "x", "the keys of [http] are cookies, "),
        ("PORTCULLIS_HTTP__LISTN", "x", "did you mean http.listen?"),
        ("PORTCULLIS_HTTP__STREAMS__MAX_OPNE", "x", "did you mean http.streams.max_open?"),
        ("PORTCULLIS_ROLES__EDITOR__SCOPE", "x", "roles.editor.scope is not a key"),
        ("PORTCULLIS_HTTP", "x", "http must be a section"),
        ("PORTCULLIS_HTTP__LISTEN", "localhost", "http.listen must be an IP address and a port"),
        ("PORTCULLIS_HTTP__TRUSTED_PROXIES", "proxy", "http.trusted_proxies must be a list of IP"),
        (
            "PORTCULLIS_HTTP__TRUSTED_PROXIES",
            "10.0.0.0/8,::/0",
            "http.trusted_proxies must not contain all addresses",
        ),
        ("PORTCULLIS_HTTP__COOKIES", "on", "http.cookies must be one of secure, plain, off"),
        ("PORTCULLIS_HTTP__HEADER_TIMEOUT", "1ms", "http.header_timeout must be between 100ms and 1h"),
        ("PORTCULLIS_HTTP__IDLE_TIMEOUT", "0s", "http.idle_timeout must be between 100ms and 1h"),
        ("PORTCULLIS_HTTP__MAX_BUFFERED_BYTES", "1024", "_bytes must be at least http.max_body_bytes"),
        ("PORTCULLIS_HTTP__MAX_CONNECTIONS", "0", "http.max_connections must be at least 1"),
        ("PORTCULLIS_HTTP__MAX_CONNECTIONS_PER_ADDRESS", "0", "_per_address must be at least 1"),
        ("PORTCULLIS_HTTP__MAX_CONCURRENT_REQUESTS", "0", "_requests must be at least 1"),
        ("PORTCULLIS_GRAPHQL__MAX_BATCH", "0", "graphql.max_batch must be between 1 and 100"),
        ("PORTCULLIS_GRAPHQL__MAX_LIST_ITEMS", "0", "graphql.max_list_items must be at least 1"),
        ("PORTCULLIS_TOKENS__ACCESS_TTL", "soon", "tokens.access_ttl must be a duration such as 3s"),
        ("PORTCULLIS_TOKENS__ACCESS_TTL", "0s", "tokens.access_ttl must be between 1s and 1d"),
        ("PORTCULLIS_LIMITS__ENABLED", "maybe", "limits.enabled must be true or false"),
        ("PORTCULLIS_GRAPHQL__MAX_DEPTH", "deep", "graphql.max_depth must be a whole number"),
        ("PORTCULLIS_GRAPHQL__MAX_DEPTH", "99", "graphql.max_depth must be at most 30"),
        ("PORTCULLIS_GRAPHQL__INTROSPECTION", "all", "must be one of everyone, signed_in, off"),
        ("PORTCULLIS_ACCOUNTS__DEFAULT_ROLES", "king", "contains the role \"king\""),
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
fn an_invalid_or_universal_cors_origin_is_rejected() {
    for (origin, says) in [
        ("*", "any page could then act on behalf of its visitors"),
        ("https://app.example.com,*", "any page could then act on behalf of its visitors"),
        ("null", "any sandboxed frame"),
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
        ("wss://app.example.com", "as browsers write them"),
        ("capacitor://", "as browsers write them"),
        ("capacitor://localhost/", "as browsers write them"),
        ("Capacitor://localhost", "as browsers write them"),
        ("capacitor://localhost,null", "any sandboxed frame"),
    ] {
        let error = Place::bare().with("PORTCULLIS_HTTP__CORS_ORIGINS", origin).run("config").failed();
        assert!(error.contains(says) && error.contains("http.cors_origins"), "{origin}: {error}");
    }
    let origins = "https://app.example.com, http://localhost:3000, https://xn--bcher-kva.example:8443, \
        http://[::1]:3000, capacitor://localhost, ionic://localhost, tauri://localhost, http://tauri.localhost";
    Place::bare().with("PORTCULLIS_HTTP__CORS_ORIGINS", origins).run("config").done();
}

#[test]
fn only_header_names_are_accepted_as_cors_headers() {
    for (headers, is_right) in [
        ("x-tenant", true),
        ("X-Tenant, b3", true),
        ("*", false),
        ("x-tenant, *", false),
        ("x tenant", false),
        ("x-tenant:", false),
        ("\u{e4}", false),
    ] {
        let run = Place::bare().with("PORTCULLIS_HTTP__CORS_HEADERS", headers).run("config");
        if is_right {
            run.done();
        } else {
            let error = run.failed();
            assert!(error.contains("http.cors_headers must be header names"), "{headers}: {error}");
        }
    }
}

#[test]
fn a_configuration_that_sends_refresh_tokens_unencrypted_is_rejected() {
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
    // A container on a developer's machine, which its browser reaches at localhost.
    for every in ["0.0.0.0:4000", "[::]:4000", "[::ffff:0.0.0.0]:4000"] {
        let line = format!("config --listen {every}");
        for url in [
            "http://localhost",
            "http://localhost:4000",
            "http://id.localhost",
            "http://127.0.0.1:80",
            "http://[::1]:1",
        ] {
            let here = ("PUBLIC_URL", url);
            run(&[here], &line).done();
            run(&[here, plain], &line).done();
            run(&[here, plain], "config --listen 192.0.2.1:4000").failed();
        }
        for url in [
            "http://localhost.example.com",
            "http://ada@localhost",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
        ] {
            let error = run(&[("PUBLIC_URL", url), plain], &line).failed();
            assert!(error.contains("the server does not know of TLS in front of it"), "{url}: {error}");
        }
        let error = run(&[("PUBLIC_URL", "https://localhost"), plain], &line).failed();
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
fn an_error_in_the_file_is_reported_without_values() {
    for (text, says) in [
        ("secret = hush", "portcullis.toml is not valid TOML: at line 1, column 10"),
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
fn a_key_cannot_be_set_by_its_former_and_its_present_name() {
    let place = Place::bare();
    place.write("portcullis.toml", "[limits.pair]\nfree = 4\nfree_attempts = 6");
    let error = place.run("config").failed();
    for part in
        ["limits.pair.free is the former name of limits.pair.free_attempts", "keep", "portcullis.toml"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    // A later layer overrides an earlier one by any of the names.
    place.write("portcullis.toml", "[limits.pair]\nfree_attempts = 6");
    let place = place.with("PORTCULLIS_LIMITS__PAIR__FREE", "0");
    let error = place.run("config").failed();
    assert!(error.contains("limits.pair.free_attempts must be at least 1 (set in PORTCULLIS_"), "{error}");
    let place = place.with("PORTCULLIS_LIMITS__PAIR__FREE_ATTEMPTS", "6");
    let error = place.run("config").failed();
    assert!(
        error.contains("PORTCULLIS_LIMITS__PAIR__FREE and PORTCULLIS_LIMITS__PAIR__FREE_ATTEMPTS"),
        "{error}"
    );
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

#[test]
fn variables_of_kubernetes_services_are_ignored_without_a_warning() {
    let service = |place: Place, service: &str, port: u16| {
        let address = format!("tcp://10.0.0.1:{port}");
        [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", &port.to_string()),
            ("SERVICE_PORT_HTTP", &port.to_string()),
            ("PORT", &address),
            (&format!("PORT_{port}_TCP"), &address),
            (&format!("PORT_{port}_TCP_PROTO"), "tcp"),
            (&format!("PORT_{port}_TCP_PORT"), &port.to_string()),
            (&format!("PORT_{port}_TCP_ADDR"), "10.0.0.1"),
        ]
        .into_iter()
        .fold(place, |place, (name, value)| place.with(&format!("{service}_{name}"), value))
    };
    let place = service(Place::bare(), "PORTCULLIS", 4000);
    let place = service(place, "PORTCULLIS_POSTGRESQL", 5432);
    // Service names that contain the name of a section or of a key.
    let place = service(service(place, "PORTCULLIS_HTTP", 80), "PORTCULLIS_DATABASE_URL", 5432);
    let answer = place.run("config");
    assert_eq!(answer.err, "", "they are expected");
    answer.done();
    let report: Value = serde_json::from_str(&place.run("doctor --json").done()).expect("one JSON document");
    assert_eq!(report[0]["subject"], "configuration", "{report}");
    assert_eq!(report[0]["level"], "ok", "{report}");
}

#[test]
fn an_unknown_variable_causes_a_warning_with_a_suggestion() {
    for (name, meant) in [
        ("PORTCULLIS_HTTP_LISTEN", Some("PORTCULLIS_HTTP__LISTEN")),
        ("PORTCULLIS_HTPP__LISTEN", Some("PORTCULLIS_HTTP__LISTEN")),
        ("PORTCULLIS_LISTEN", Some("PORTCULLIS_HTTP__LISTEN")),
        ("PORTCULLIS_SECRETS_FILE", Some("PORTCULLIS_SECRET_FILE")),
        ("PORTCULLIS_PORT", None),
        ("PORTCULLIS_NOPE", None),
    ] {
        let place = Place::bare().with(name, "x");
        let text = match meant {
            Some(meant) => {
                format!("{name} names no key of the configuration and is ignored; did you mean {meant}?\n")
            }
            None => format!("{name} names no key of the configuration and is ignored\n"),
        };
        let answer = place.run("config");
        assert_eq!(answer.err, format!("warning: {text}"));
        answer.done();
        let report = place.run("doctor").done();
        assert!(report.lines().any(|line| line.starts_with("warn") && line.contains(name)), "{report}");
    }
    let place = Place::bare().with("PORTCULLIS_NOPE", "");
    assert_eq!(place.run("config").err, "", "an empty variable sets nothing");
}
