//! Exports, and that they are imported without loss.

use std::fs;

use serde_json::{Value, json};

use super::{BCRYPT, line, log_in, usernames};
use crate::cli::{
    place::{PASSWORD, Place, mode},
    server::Server,
};

/// Accounts of every kind.
fn populate(place: &Place) {
    place.run_with("users create Ada --role admin --role user --email ada@example.com", PASSWORD).done();
    place.run_with("users create bob --display-name =1+1,\"'", PASSWORD).done();
    place.run("users disable bob").done();
    place.run("users set-roles bob --none").done();
    let argon2 =
        "$argon2id$v=19$m=256,t=2,p=2$ekaUzP9xQ1sR1RfL/OWrVg$2O3yEQx8Tx3qsgApR4tIiGEFuu96Ia10cOMXZcHBGag";
    let eve = json!({
        "username": "eve", "passwordHash": argon2, "email": "eve@example.com", "emailVerified": true,
        "createdAt": 1_600_000_000_123_i64, "updatedAt": "2021-01-01T00:00:00Z", "lastLoginAt": "2022-01-01T00:00:00Z",
    });
    place.write("users.jsonl", &format!("{}{eve}\n", line("joe", BCRYPT)));
    place.run("users import users.jsonl").done();
}

#[test]
fn an_export_is_imported_without_loss_into_any_database() {
    let from = Place::new();
    populate(&from);
    let exported = from.run("users export all.jsonl").done();
    assert_eq!(
        exported,
        "exported 4 accounts to all.jsonl, with their password hashes: keep the file secret, and delete it\n"
    );
    from.run("users export all.csv").done();
    let read = |place: &Place, name: &str| fs::read_to_string(place.path(name)).expect("an export");
    let all = read(&from, "all.jsonl");
    let first: Value = serde_json::from_str(all.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["username"], &first["passwordNormalization"]), (&json!("Ada"), &json!("NFKC")));
    for name in ["all.jsonl", "all.csv"] {
        assert_eq!(mode(&from.path(name)), 0o600);
        for place in Place::on_each_database() {
            place.write(name, &read(&from, name));
            let refused = place.run(&format!("users import {name}"));
            assert!(
                refused.out.contains("(Ada): it has the role admin; pass --allow-role admin"),
                "{refused:?}"
            );
            place.run(&format!("users import {name} --allow-role admin"));
            place.run("users export again.jsonl").done();
            assert_eq!(sorted(&read(&place, "again.jsonl")), sorted(&all), "{name}");
            let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
            for user in ["ada", "eve", "joe"] {
                assert!(log_in(&server, user, PASSWORD.trim()).is_ok(), "{user}");
            }
            assert_eq!(log_in(&server, "bob", PASSWORD.trim()), Err("ACCOUNT_DISABLED".to_owned()));
        }
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn every_page_is_exported() {
    for place in Place::on_each_database() {
        let lines: String = (0..2100).map(|number| line(&format!("user{number}"), BCRYPT)).collect();
        place.write("users.jsonl", &lines);
        place.run("users import users.jsonl");
        assert!(place.run("users export all.jsonl").done().starts_with("exported 2100 accounts"));
        let all = fs::read_to_string(place.path("all.jsonl")).expect("an export");
        let mut names: Vec<Value> = all
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["username"].take())
            .collect();
        names.sort_unstable_by_key(ToString::to_string);
        names.dedup();
        assert_eq!(names.len(), 2100);
    }
}

#[test]
fn an_export_overwrites_nothing_and_needs_a_database() {
    let place = Place::new();
    assert!(place.run("users export all.jsonl").failed().contains("does not exist"));
    populate(&place);
    place.write("all.jsonl", "mine");
    assert!(place.run("users export all.jsonl").failed().contains("cannot write all.jsonl"));
    assert_eq!(fs::read_to_string(place.path("all.jsonl")).expect("it is there"), "mine");
    assert!(place.run("users export missing/all.jsonl").failed().contains("cannot write missing/all.jsonl"));
    place.run("users export - --format csv").done();
    assert!(fs::read_to_string(place.path("-")).expect("a file of this name").starts_with("id,username,"));
    assert_eq!(usernames(&place).len(), 4);
}
