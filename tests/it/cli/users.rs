use serde_json::{Value, json};

use super::{
    place::{PASSWORD, Place},
    server::Server,
};

/// A database on which ada administers.
fn with_ada(place: &Place) -> String {
    let made = place.run_with("users create ada --role admin --email ada@example.com", PASSWORD).done();
    assert!(made.starts_with("created ada (user_") && made.ends_with(") with the role admin\n"), "{made}");
    let users = place.run("users list --json").json();
    users[0]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_user_that_was_made_is_listed() {
    for place in Place::on_each_database() {
        with_ada(&place);
        place.run_with("users create bob --display-name Böbchen", PASSWORD).done();
        let users = place.run("users list --json").json();
        let fields: Vec<&String> = users[0].as_object().expect("an object").keys().collect();
        let expected = [
            "createdAt",
            "disabled",
            "displayName",
            "email",
            "emailVerified",
            "id",
            "lastLoginAt",
            "roles",
            "updatedAt",
            "username",
        ];
        assert_eq!(fields, expected);
        assert_eq!(users[0]["email"], "ada@example.com");
        assert_eq!(users[1]["displayName"], "Böbchen");
        assert_eq!(users[1]["roles"], serde_json::json!(["user"]), "the default roles");
        assert!(users[0]["createdAt"].as_str().expect("a time").ends_with('Z'), "UTC");
        let table = place.run("users list").done();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("USERNAME  ID"), "{table}");
        let at = |line: &str, word: &str| line[..line.find(word).expect("is there")].chars().count();
        assert_eq!(at(lines[1], "user_"), at(lines[2], "user_"), "aligned: {table}");
    }
}

#[test]
fn a_list_shows_everybody_however_many_there_are_and_only_who_was_asked_for() {
    let place = Place::new();
    with_ada(&place);
    for number in 0..3 {
        place.run_with(&format!("users create bob{number}"), PASSWORD).done();
    }
    place.run("users disable bob1").done();
    let names = |line: &str| {
        let users = place.run(line).json();
        let name = |user: &Value| user["username"].as_str().expect("a name").to_owned();
        users.as_array().expect("a list").iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("users list --json"), ["ada", "bob0", "bob1", "bob2"]);
    assert_eq!(names("users list --json --limit 2"), ["ada", "bob0"]);
    assert_eq!(names("users list --json --limit 0"), [""; 0]);
    assert_eq!(names("users list --json --search BOB"), ["bob0", "bob1", "bob2"]);
    assert_eq!(names("users list --json --disabled"), ["bob1"]);
    assert_eq!(names("users list --json --role admin"), ["ada"]);
}

#[test]
fn an_invalid_account_is_refused_with_the_reason() {
    for place in Place::on_each_database() {
        with_ada(&place);
        for (line, input, reason) in [
            ("users create Ada", PASSWORD, "the username \"Ada\" is taken"),
            ("users create a\u{7}", PASSWORD, "A username consists of"),
            ("users create bob --email nobody", PASSWORD, "not an e-mail address"),
            ("users create bob --role editor", PASSWORD, "there is no role \"editor\""),
            ("users create bob", "short\n", "at least 8 characters"),
            ("users create bob", "password1\n", "too easy to guess"),
            ("users create bob", "", "no password on standard input"),
        ] {
            let error = place.run_with(line, input).failed();
            assert!(error.contains(reason), "{line}: {error}");
        }
        assert_eq!(place.run("users list --json").json().as_array().expect("a list").len(), 1);
    }
}

#[test]
fn a_password_is_taken_from_neither_an_argument_nor_a_variable() {
    let place = Place::new().with("PORTCULLIS_PASSWORD", "correct horse battery staple");
    assert!(place.run("users create ada").failed().contains("no password on standard input"));
    let place = Place::new();
    assert_eq!(place.run("users create ada --password horse").code, Some(2));
}

#[test]
fn an_account_is_changed_by_its_name_or_its_id() {
    for place in Place::on_each_database() {
        let ada = with_ada(&place);
        place.run_with("users create bob", PASSWORD).done();
        place.run("users set-roles bob --role user --role admin").done();
        place.run(&format!("users disable {ada}")).done();
        let users = place.run("users list --json").json();
        assert_eq!(users[0]["disabled"], true);
        assert_eq!(users[1]["roles"], serde_json::json!(["admin", "user"]));
        place.run("users enable ADA").done();
        place.run("users set-roles bob --none").done();
        let changed = place.run_with("users set-password bob", "violet lantern orbit\n").done();
        assert_eq!(changed, "changed the password of bob and revoked its sessions\n");
        assert!(place.run_with("users set-password bob", "bob\n").failed().contains("characters"));
        let users = place.run("users list --json").json();
        assert_eq!(users[0]["disabled"], false);
        assert_eq!(users[1]["roles"], serde_json::json!([]));
    }
}

#[test]
fn a_password_set_on_the_command_line_clears_the_failed_sign_ins() {
    for place in Place::on_each_database() {
        let place = place.with("PORTCULLIS_LIMITS__PAIR__FIRST_DELAY", "1m");
        with_ada(&place);
        place.run_with("users create root --role admin", PASSWORD).done();
        let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        let log_in = |password: &str| {
            let login = "mutation($password: String!) { login(input: { username: \"ada\", password: $password }) \
                         { errors { code } } }";
            let answer = server.ask(login, &json!({ "password": password.trim() }), None);
            answer["data"]["login"]["errors"][0]["code"].as_str().unwrap_or("DONE").to_owned()
        };
        let new = "violet lantern orbit\n";
        for (line, input) in [("users set-password ada", new), ("users enable ada", "")] {
            let guesses: Vec<String> = (0..6).map(|_| log_in("wrong")).collect();
            assert_eq!(guesses[4..], ["INVALID_CREDENTIALS", "RATE_LIMITED"]);
            if line.contains("enable") {
                place.run("users disable ada").done();
            }
            place.run_with(line, input).done();
            assert_eq!(log_in(new), "DONE", "after {line}");
        }
    }
}

#[test]
fn the_last_administrator_stays() {
    for place in Place::on_each_database() {
        with_ada(&place);
        for line in ["users disable ada", "users set-roles ada --role user", "users delete ada --yes"] {
            let error = place.run(line).failed();
            assert!(error.contains("last administrator") && error.contains("set-roles"), "{error}");
        }
    }
}

#[test]
fn a_user_is_deleted_only_after_a_confirmation() {
    for place in Place::on_each_database() {
        with_ada(&place);
        place.run_with("users create bob", PASSWORD).done();
        let error = place.run_with("users delete bob", "yes\n").failed();
        assert!(error.contains("--yes"), "standard input is no terminal: {error}");
        let deleted = place.run("users delete bob --yes").done();
        assert!(deleted.starts_with("deleted bob (user_"), "{deleted}");
        assert_eq!(place.run("users list --json").json().as_array().expect("a list").len(), 1);
    }
}

#[test]
fn an_unknown_name_or_id_is_refused() {
    let place = Place::new();
    with_ada(&place);
    let unknown = "user_01h455vb4pex5vsknk084sn02q";
    for line in [
        "users disable bob".to_owned(),
        "users set-password bob".to_owned(),
        format!("users enable {unknown}"),
        "users delete user_nonsense --yes".to_owned(),
        "sessions list bob".to_owned(),
        format!("sessions revoke --user {unknown}"),
    ] {
        let error = place.run(&line).failed();
        assert!(error.contains("there is no user"), "{line}: {error}");
    }
}
