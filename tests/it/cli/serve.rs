use std::{fs, net::TcpListener};

use serde_json::{Value, json};

use super::{
    place::{PASSWORD, Place, mode},
    server::{Server, is_refused_soon},
};

#[test]
fn the_first_start_makes_what_it_needs_for_its_owner_alone() {
    for arguments in [&["--listen", "127.0.0.1:0"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let place = Place::new();
        let server = Server::start(&place, arguments);
        assert_eq!(mode(&place.path("data")), 0o700);
        assert_eq!(mode(&place.path("data/secret")), 0o600);
        assert_eq!(mode(&place.path("data/portcullis.db")), 0o600);
        let answer = server.ask("{ __typename }", &json!({}), None);
        assert_eq!(answer["data"]["__typename"], "Query", "{answer}");
    }
}

#[test]
fn the_banner_says_where_everything_is() {
    // Hashing that is as dear as it should be, for else there would be a warning.
    let place = Place::bare().with("PORTCULLIS_LOG__FORMAT", "json");
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0", "--data-dir", "here"]);
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    for line in &server.log {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(line["level"], "INFO");
    }
    let log = server.log.join("\n");
    let start = format!("Portcullis {}: GraphQL at http://127.0.0.1:", env!("CARGO_PKG_VERSION"));
    assert!(log.contains(&start), "{log}");
    assert!(log.contains("database: here/portcullis.db; master secret: here/secret"), "{log}");
    assert!(!log.contains("sea_orm_migration"), "we tell ourselves what was applied");
}

#[test]
fn a_line_of_json_names_its_request_once_and_times_it_to_the_microsecond() {
    let place = Place::new()
        .with("PORTCULLIS_LOG__FORMAT", "json")
        .with("PORTCULLIS_LOG__FILTER", "portcullis=debug,info");
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    for _ in 0..20 {
        server.ask("{ __typename }", &json!({}), None);
    }
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    let responses: Vec<&String> =
        server.log.iter().filter(|line| line.contains("\"response sent\"")).collect();
    assert!(responses.len() >= 20, "{:#?}", server.log);
    for line in responses {
        let event: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(event["level"], "DEBUG", "{line}");
        assert_eq!(event["fields"]["path"], "/graphql", "{line}");
        assert_eq!(line.matches(event["span"]["id"].as_str().expect("an id")).count(), 1, "{line}");
        let milliseconds = event["fields"]["milliseconds"].to_string();
        let decimals = milliseconds.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert!(event["fields"]["milliseconds"].is_number() && decimals <= 3, "{line}");
    }
}

#[test]
fn a_public_address_without_tls_before_it_does_not_start() {
    let place = Place::new();
    let error = place.run("serve --listen 0.0.0.0:0").failed();
    assert!(
        error.contains("the server does not know of TLS in front of it") && error.contains("--listen"),
        "{error}"
    );
    assert!(!place.path("data").exists(), "nothing was touched");
}

#[test]
fn plain_cookies_are_warned_of() {
    let place = Place::new().with("PORTCULLIS_HTTP__COOKIES", "plain");
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    let warning = server.says("http.cookies is plain");
    assert!(warning.contains("WARN") && warning.contains("development only"), "{warning}");
}

#[test]
fn a_container_on_the_machine_of_a_developer_starts_with_a_warning() {
    let place = Place::new()
        .with("PORTCULLIS_HTTP__COOKIES", "plain")
        .with("PORTCULLIS_HTTP__PUBLIC_URL", "http://localhost:4000");
    let mut server = Server::start(&place, &["--listen", "0.0.0.0:0"]);
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    for part in ["publish a container's port on 127.0.0.1 only", "http.cookies is plain"] {
        let warning = server.log.iter().find(|line| line.contains(part));
        assert!(warning.is_some_and(|line| line.contains("WARN")), "{:#?}", server.log);
    }
    let report = place.run("doctor --listen 0.0.0.0:4000").done();
    for (key, part) in
        [("http.listen", "publish a container's port"), ("http.cookies", "set it to secure or off")]
    {
        let is_row = |line: &str| line.starts_with("warn") && line.contains(key) && line.contains(part);
        assert!(report.lines().any(is_row), "{report}");
    }
}

#[test]
fn nothing_secret_is_logged_however_much_is() {
    for place in Place::on_each_database() {
        let secret = "0123456789012345678901234567890123456789";
        let place = place.with("PORTCULLIS_SECRET", secret).with("PORTCULLIS_LOG__FILTER", "trace");
        let made = place.run_with("users create ada --role admin", PASSWORD);
        let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        let token = server.login("ada");
        server.ask("{ me { id } }", &json!({}), Some(&token));
        server.signal("TERM");
        assert_eq!(server.exit_code(), Some(0));
        assert!(!place.path("data/secret").exists(), "the secret is in the environment");
        let log = made.err + &server.log.join("\n");
        for secret in [secret, PASSWORD.trim(), &token, "$argon2id$"] {
            assert!(!log.contains(secret), "{secret} is in the log");
        }
    }
}

#[test]
fn a_server_stops_at_both_signals() {
    for signal in ["TERM", "INT"] {
        let place = Place::new();
        let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        server.signal(signal);
        server.says(&format!("SIG{signal}"));
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let place = Place::new();
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    // A request whose body never comes keeps the server waiting.
    let address = server.url.trim_start_matches("http://").trim_end_matches("/graphql");
    let mut unfinished = std::net::TcpStream::connect(address).expect("the server listens");
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\
                expect: 100-continue\r\n\r\n";
    std::io::Write::write_all(&mut unfinished, head.as_bytes()).expect("is sent");
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut unfinished, &mut answer).expect("the server asks for the body");
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.signal("TERM");
    server.says("SIGTERM");
    server.signal("INT");
    server.says("received SIGINT again");
    assert_eq!(server.exit_code(), Some(1));
}

#[test]
fn a_taken_address_is_named_before_anything_is_made() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = other.local_addr().expect("an address");
    let error = place.run(&format!("--listen {address}")).failed();
    assert!(error.contains(&format!("cannot listen on {address}")), "{error}");
    assert!(error.contains("http.listen"), "{error}");
    assert!(!place.path("data").exists());
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let place = Place::new().with("PORTCULLIS_SECRET_FILE", "secret");
    place.write("secret", "0123456789012345678901234567890123456789");
    place.permit("secret", 0o644);
    let error = place.run("--listen 127.0.0.1:0").failed();
    assert!(error.contains("chmod 600") && !error.contains("0123"), "{error}");
}

#[test]
fn a_database_that_is_away_is_named_without_its_password() {
    let place = Place::new().with("DATABASE_URL", "postgres://ada:hush@127.0.0.1:1/portcullis?password=hush");
    for line in ["--listen 127.0.0.1:0", "users list"] {
        let error = place.run(line).failed();
        assert!(error.contains("postgres://ada:********@127.0.0.1:1/portcullis"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn a_running_server_hears_of_what_the_command_line_does() {
    for place in Place::on_each_database() {
        place.run_with("users create ada --role admin", PASSWORD).done();
        let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        let me = |token: &str| server.ask("{ me { username } }", &json!({}), Some(token));
        let (first, second) = (server.login("ada"), server.login("ada"));
        assert_eq!(me(&first)["data"]["me"]["username"], "ada");

        let sessions = place.run("sessions list ada --json").json();
        assert_eq!(sessions.as_array().expect("a list").len(), 2);
        let fields: Vec<&String> = sessions[0].as_object().expect("an object").keys().collect();
        let expected = ["createdAt", "expiresAt", "id", "ipAddress", "lastUsedAt", "userAgent", "userId"];
        assert_eq!(fields, expected);
        let newest = sessions[0]["id"].as_str().expect("an id");
        assert!(place.run("sessions list ada").done().contains(newest));

        let ended = place.run(&format!("sessions revoke {newest}")).done();
        assert!(ended.starts_with(&format!("revoked {newest} of user_")), "{ended}");
        is_refused_soon(|| me(&second));
        assert_eq!(me(&first)["data"]["me"]["username"], "ada", "the other session goes on");
        let error = place.run(&format!("sessions revoke {newest}")).failed();
        assert!(error.contains("no active session"), "{error}");

        assert_eq!(place.run("sessions revoke --user ada").done(), "revoked 1 session of ada\n");
        is_refused_soon(|| me(&first));
        let audit = "{ auditEvents(first: 3) { nodes { action ipAddress } } }";
        let events = server.ask(audit, &json!({}), Some(&server.login("ada")));
        let actions = &events["data"]["auditEvents"]["nodes"];
        assert_eq!(actions[1], json!({ "action": "SESSION_REVOKED", "ipAddress": null }), "{events}");
    }
}

#[test]
fn a_server_without_the_secret_of_its_keys_does_not_start_and_makes_no_other() {
    for place in Place::on_each_database() {
        place.run_with("users create ada", PASSWORD).done();
        fs::remove_file(place.path("data/secret")).expect("the first start made it");
        let error = place.run("--listen 127.0.0.1:0").failed();
        assert!(error.contains("encrypted with a master secret that was not found"), "{error}");
        assert!(!place.path("data/secret").exists());
    }
}

#[test]
fn a_secret_in_the_environment_is_warned_of_at_the_start() {
    let place = Place::new().with("PORTCULLIS_SECRET", "a master secret of 32 bytes or more");
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    let warning = server.log.iter().find(|line| line.contains("PORTCULLIS_SECRET_FILE"));
    assert!(warning.is_some_and(|line| line.contains("WARN")), "{:#?}", server.log);
}

#[test]
fn a_database_url_in_a_file_that_others_can_read_is_refused() {
    let place = Place::new().with("PORTCULLIS_DATABASE__URL_FILE", "url");
    place.write("url", "postgres://ada:geheim@127.0.0.1:1/none");
    place.permit("url", 0o644);
    let error = place.run("--listen 127.0.0.1:0").failed();
    assert!(
        error.contains("database.url_file: url is readable by others") && !error.contains("geheim"),
        "{error}"
    );
}
