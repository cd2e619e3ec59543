//! Values in the environment.

use serde_json::json;

use super::shown;
use crate::cli::Place;

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
const LISTS: [(&str, [&str; 2]); 8] = [
    ("accounts.default_roles", ["user", "admin"]),
    ("accounts.reserved_names", ["acme", "Acme-Support"]),
    ("http.cors_headers", ["x-tenant", "b3"]),
    ("http.cors_origins", ["https://app.example.com", "http://[::1]:3000"]),
    ("http.hosts", ["id.example.com", "[::1]"]),
    ("http.trusted_proxies", ["10.0.0.0/8", "::1/128"]),
    ("passkeys.origins", ["https://app.example.com", "http://localhost:3000"]),
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
