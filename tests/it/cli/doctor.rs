use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
    time::Instant,
};

use serde_json::Value;

use super::{
    place::{PASSWORD, Place},
    server::Server,
};
use crate::support::PATIENCE;

/// The doctor's results for a subject: level and text.
fn found(place: &Place, subject: &str) -> Vec<(String, String)> {
    let printed = place.run("doctor --json");
    let report: Value = serde_json::from_str(&printed.out).expect("one JSON document");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let rows = report.as_array().expect("a list").iter().filter(|row| row["subject"] == subject);
    rows.map(|row| (text(&row["level"]), text(&row["text"]))).collect()
}

/// Asserts that the doctor reports a result for a subject.
#[track_caller]
fn assert_found(place: &Place, subject: &str, level: &str, part: &str) {
    let found = found(place, subject);
    let is_there = found.iter().any(|(found, text)| found == level && text.contains(part));
    assert!(is_there, "{level} {part:?} of {subject} is not in {found:?}");
}

#[test]
fn a_healthy_server_gets_nothing_but_ok() {
    for place in Place::on_each_database() {
        let place =
            place.with("PORTCULLIS_PASSWORDS__MEMORY_KIB", "").with("PORTCULLIS_PASSWORDS__ITERATIONS", "");
        place.run_with("users create root --role admin", PASSWORD).done();
        let report = place.run("doctor").done();
        let levels: Vec<&str> = report.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
        assert!(levels.len() >= 6 && levels.iter().all(|level| *level == "ok"), "{report}");
        assert!(report.contains("1 enabled") && report.contains("(EdDSA) is active since"), "{report}");
    }
}

/// A server that other machines can reach, and that meets each line of the production checklist.
fn in_production(place: Place) -> Place {
    place
        .with("PORTCULLIS_PASSWORDS__MEMORY_KIB", "")
        .with("PORTCULLIS_PASSWORDS__ITERATIONS", "")
        .with("PORTCULLIS_HTTP__PUBLIC_URL", "https://id.example.com")
        .with("PORTCULLIS_HTTP__TRUSTED_PROXIES", "10.0.0.7/32")
        .with("PORTCULLIS_GRAPHQL__PLAYGROUND", "false")
        .with("PORTCULLIS_GRAPHQL__INTROSPECTION", "signed_in")
        .with("PORTCULLIS_MAIL__TRANSPORT", "off")
}

#[test]
fn the_doctor_checks_each_line_of_the_production_checklist() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/production.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let table = page.split("| doctor's line |").nth(1).expect("there is a checklist");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let subjects: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(subjects.len() >= 14, "{subjects:?}");
    for place in Place::on_each_database() {
        let place = in_production(place);
        place.run_with("users create root --role admin", PASSWORD).done();
        place.run("doctor --strict").done();
        for subject in &subjects {
            let found = found(&place, subject);
            assert!(
                !found.is_empty() && found.iter().all(|(level, _)| level == "ok"),
                "{subject}: {found:?}"
            );
        }
    }
}

#[test]
fn an_unmet_line_of_the_checklist_is_a_warning() {
    for (name, value, subject, part) in [
        ("GRAPHQL__PLAYGROUND", "true", "graphql.playground", "GraphiQL is public"),
        (
            "GRAPHQL__INTROSPECTION",
            "everyone",
            "graphql.introspection",
            "anonymous clients can read the schema",
        ),
        ("HTTP__TRUSTED_PROXIES", "", "http.trusted_proxies", "all clients count as one address"),
        ("MAIL__TRANSPORT", "folder", "mail.transport", "reach nobody"),
        ("LIMITS__ENABLED", "false", "limits.enabled", "no rate limit slows down"),
        ("PASSWORDS__ITERATIONS", "1", "passwords.memory_kib", "less than OWASP recommends"),
        ("TOKENS__ACCESS_TTL", "2h", "tokens.access_ttl", "set it to 1h or less"),
    ] {
        let place = in_production(Place::bare()).with(&format!("PORTCULLIS_{name}"), value);
        assert_found(&place, subject, "warn", part);
        assert_eq!(found(&place, subject).len(), 1, "{subject} is reported once");
    }
    let place = Place::bare().with("PORTCULLIS_HTTP__COOKIES", "off");
    let place = place.with("PORTCULLIS_HTTP__LISTEN", "192.0.2.1:4000");
    let place = place.with("PORTCULLIS_HTTP__PUBLIC_URL", "http://id.example.com");
    assert_found(&place, "http.public_url", "warn", "terminate TLS in a proxy");
    assert_found(&place, "http.cookies", "ok", "never send a refresh token without TLS");
    let place = in_production(Place::bare()).with("PORTCULLIS_GRAPHQL__INTROSPECTION", "everyone");
    place.write("documents.json", "{}");
    let place = place
        .with("PORTCULLIS_GRAPHQL__TRUSTED_DOCUMENTS", "documents.json")
        .with("PORTCULLIS_GRAPHQL__DOCUMENTS", "trusted");
    assert_found(&place, "graphql.introspection", "ok", "the schema is not public");
}

#[test]
fn a_server_for_this_machine_alone_needs_no_checklist() {
    let place = Place::bare();
    assert_found(&place, "production", "ok", "does not apply");
    assert!(found(&place, "graphql.playground").is_empty());
}

#[test]
fn a_strict_doctor_fails_on_warnings() {
    let place = Place::new().with("PORTCULLIS_LIMITS__ENABLED", "false");
    for line in ["doctor", "doctor --json"] {
        place.run(line).done();
        let strict = place.run(&format!("{line} --strict"));
        assert!(strict.out.contains("limits.enabled"), "the report is printed all the same: {strict:?}");
        assert!(strict.failed().contains("warnings (--strict)"));
    }
}

#[test]
fn the_doctor_creates_nothing() {
    let place = Place::new();
    let report = place.run("doctor").done();
    assert!(report.contains("data/portcullis.db does not exist yet; the first start creates it"), "{report}");
    assert!(!place.path("data").exists());
    for place in Place::on_each_database() {
        place.run("migrate up").done();
        place.run("migrate down --yes").done();
        assert_found(&place, "migrations", "warn", "1 pending; the next start applies them");
        assert!(place.run("migrate status").out.contains("pending"));
        place.run("migrate up").done();
        place.run("doctor").done();
        assert!(!place.path("data/secret").exists(), "no key is there, so no secret is missing");
    }
}

#[test]
fn the_doctor_warns_of_insecure_settings_with_the_remedy() {
    let place = Place::new();
    place.run_with("users create ada", PASSWORD).done();
    assert_found(&place, "passwords.memory_kib", "warn", "less than OWASP recommends");
    assert_found(&place, "administrators", "warn", "portcullis users create NAME --role admin");
    place.permit("data/portcullis.db", 0o644);
    assert_found(&place, "files", "warn", "other users can access data/portcullis.db (mode 644)");

    let secret = fs::read_to_string(place.path("data/secret")).expect("the first start made it");
    let place = place.with("PORTCULLIS_SECRET", "another master secret of 32 bytes or more");
    assert_found(&place, "start", "fail", "sealed with another master secret");
    let place = place.with("PORTCULLIS_SECONDARY_SECRET", secret.trim());
    assert_found(&place, "signing keys", "warn", "1 encrypted with the secondary master secret");
    assert_found(&place, "secondary_secret", "warn", "portcullis keys rewrap");
    assert_found(&place, "secret", "warn", "set PORTCULLIS_SECRET_FILE to its path");
    let place = place
        .with("PORTCULLIS_LIMITS__ENABLED", "false")
        .with("PORTCULLIS_TOKENS__ACCESS_TTL", "2h")
        .with("PORTCULLIS_HTTP__PUBLIC_URL", "https://id.example.com");
    assert_found(&place, "limits.enabled", "warn", "no rate limit slows down");
    assert_found(&place, "tokens.access_ttl", "warn", "set it to 1h or less");
    assert_found(&place, "http.trusted_proxies", "warn", "all clients count as one address");
}

#[test]
fn trusted_documents_are_validated_against_the_schema() {
    let place = Place::new().with("PORTCULLIS_GRAPHQL__TRUSTED_DOCUMENTS", "manifest.json");
    for (manifest, level, part) in [
        (r#"{"a":"{ server { version } }"}"#, "ok", "valid for the schema"),
        (r#"{"a":"{ nothing }"}"#, "fail", "the document a: Unknown field"),
        ("{", "fail", "is neither an Apollo manifest"),
    ] {
        place.write("manifest.json", manifest);
        assert_found(&place, "trusted documents", level, part);
    }
}

#[test]
fn the_doctor_fails_if_the_server_could_not_start() {
    let place = Place::new();
    place.run_with("users create ada", PASSWORD).done();
    place.permit("data/secret", 0o644);
    assert_found(&place, "master secret", "fail", "chmod 600 data/secret");
    fs::remove_file(place.path("data/secret")).expect("it is ours");
    assert_found(&place, "master secret", "fail", "restore it from a backup");
    let place = place.with("PORTCULLIS_SECRET", "short");
    assert_found(&place, "configuration", "fail", "secret must have at least 32 bytes");
    let error = place.run("doctor").failed();
    assert!(error.ends_with("error: 1 check failed\n"), "{error}");
    for (file, text, part) in [
        ("none.pem", None, "cannot read none.pem"),
        ("key.pem", Some("no key"), "key.pem must contain a private key in PEM"),
    ] {
        let place = Place::new().with("PORTCULLIS_TOKENS__SIGNING_KEY_FILE", file);
        if let Some(text) = text {
            place.write(file, text);
            place.permit(file, 0o600);
        }
        assert_found(&place, "tokens.signing_key_file", "fail", part);
        let error = place.run("serve").failed();
        assert!(error.contains(&format!("tokens.signing_key_file: {part}")), "{error}");
    }
    let place = Place::new().with("DATABASE_URL", "postgres://ada:geheim@127.0.0.1:1/none");
    assert_found(&place, "database.url", "warn", "PORTCULLIS_DATABASE__URL_FILE");
    let away = "cannot reach the database postgres://ada:********@127.0.0.1:1/none: error communicating with \
                database: Connection refused";
    assert_found(&place, "database", "fail", away);
}

#[test]
fn the_doctor_reports_the_error_of_the_database_and_not_the_timeout_of_the_last_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("postgres://ada:geheim@{}/none", listener.local_addr().expect("an address"));
    // It is starting (code 57P03), and never responds to the next connection.
    let server = thread::spawn(move || {
        let (mut first, _) = listener.accept()?;
        // No TLS, and then the response to the start-up packet.
        first.read_exact(&mut [0; 8])?;
        first.write_all(b"N")?;
        first.read_exact(&mut [0; 8])?;
        let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
        let length = u32::try_from(4 + fields.len()).expect("it is short");
        first.write_all(&[b"E", &length.to_be_bytes()[..], fields].concat())?;
        listener.accept()
    });
    let place = Place::new().with("DATABASE_URL", &url);
    assert_found(&place, "database", "fail", "rejected the connection: the database system is starting up");
    drop(server.join());
}

#[test]
fn the_doctor_fails_if_no_key_can_sign() {
    let place = Place::new();
    place.run_with("users create ada", PASSWORD).done();
    place.execute("UPDATE signing_keys SET active_from = 9999999999999");
    assert_found(&place, "signing keys", "fail", "no signing key is active, so no user can sign in");
    place.run_with("users create bob", PASSWORD).done();
    assert_found(&place, "signing keys", "ok", "is active since");
}

#[test]
fn the_doctor_reports_trusted_keys_of_the_database_beside_a_key_file() {
    let place = Place::new();
    place.run_with("users create ada", PASSWORD).done();
    let keys = place.run("keys list --json").json();
    let kid = keys[0]["kid"].as_str().expect("a kid").to_owned();
    crate::support::write_pem(&place.path("key.pem"), &crate::support::Forge::new().pkcs8(), 0o600);
    let place = place.with("PORTCULLIS_TOKENS__SIGNING_KEY_FILE", "key.pem");
    assert_found(&place, "signing keys", "warn", &format!("`portcullis keys revoke {kid}` ends that"));
    let refused = place.run("keys rotate").failed();
    assert!(refused.contains("Replace the key in the file"), "{refused}");
    place.run(&format!("keys revoke {kid} --yes")).done();
    assert_eq!(place.run("keys list --json").json()[0]["state"], "revoked");
    assert!(found(&place, "signing keys").is_empty());
}

#[test]
fn the_doctor_reports_settings_that_differ_from_a_running_server() {
    for place in Place::on_each_database() {
        place.run_with("users create ada", PASSWORD).done();
        let arguments = ["--listen", "127.0.0.1:0"];
        let _server = Server::start(&place, &arguments);
        let deadline = Instant::now() + PATIENCE;
        while found(&place, "servers").is_empty() {
            assert!(Instant::now() < deadline, "the server does not record that it runs");
        }
        assert_found(&place, "servers", "ok", "1 running, with the same settings as this command");
        let place = place.with("PORTCULLIS_TOKENS__ACCESS_TTL", "5s");
        assert_found(
            &place,
            "servers",
            "warn",
            "tokens.access_ttl is 5s here, but 1h on the server 127.0.0.1:0",
        );
        let mut other = Server::start(&place, &arguments);
        let warning = other.says("another server on this database has another value");
        assert!(warning.contains("tokens.access_ttl") && warning.contains("1h"), "{warning}");
    }
}
