//! Errors in the configuration, and the messages that name them.

use serde_json::Value;

use crate::cli::Place;

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
