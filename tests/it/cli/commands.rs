use std::process::Stdio;

use serde_json::{Value, json};

use super::place::{PASSWORD, Place};
use crate::support::subgraph_sdl;

#[test]
fn wrong_usage_exits_with_2_and_a_failure_with_1() {
    let place = Place::new();
    for line in ["frobnicate", "users", "users create", "serve --listen nowhere", "migrate down --steps 0"] {
        assert_eq!(place.run(line).code, Some(2), "{line}");
    }
    for line in ["sessions revoke", "sessions revoke session_nonsense", "users set-roles ada"] {
        assert_eq!(place.run(line).code, Some(2), "{line}");
    }
    assert_eq!(place.run("users list").code, Some(1));
    assert_eq!(place.run("--version").code, Some(0));
}

#[test]
fn a_command_in_the_wrong_folder_makes_no_database() {
    let place = Place::new();
    for line in ["users list", "sessions list ada", "keys list", "migrate status", "migrate down --yes"] {
        let error = place.run(line).failed();
        assert!(error.contains("the database data/portcullis.db does not exist"), "{error}");
    }
    assert!(!place.path("data").exists());
}

#[test]
fn the_schema_is_printed_without_a_database_or_a_configuration() {
    let place = Place::new();
    place.write("portcullis.toml", "this is not TOML");
    let schema = place.run("schema").done();
    for part in ["directive @authenticated", "directive @requiresScopes", "type Query {", "type Mutation {"] {
        assert!(schema.contains(part), "{part}");
    }
    let subgraph = place.run("schema --federation").done();
    assert_eq!(subgraph.trim_end(), subgraph_sdl().trim_end());
    assert!(!place.path("data").exists());
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = Place::new().run(&format!("completions {shell}")).done();
        assert!(script.contains("set-password"), "{shell}");
    }
}

#[test]
fn migrations_go_up_and_down() {
    for place in Place::on_each_database() {
        let up = place.run("migrate up").done();
        assert_eq!(up.lines().next(), Some("applied m20261123_000001_users"));
        assert_eq!(place.run("migrate up").done(), "nothing to do: the database is up to date\n");
        let all = place.run("migrate status --json").json();
        assert_eq!(all[0], json!({ "name": "m20261123_000001_users", "state": "applied" }));
        assert!(place.run_with("migrate down", "yes\n").failed().contains("--yes"));
        let down = place.run("migrate down --yes --steps 2").done();
        assert_eq!(down.lines().count(), 2);
        let status = place.run("migrate status");
        assert_eq!(status.code, Some(3), "pending migrations have an exit status of their own: {status:?}");
        assert_eq!(status.out.matches("pending").count(), 2, "{status:?}");
        assert!(status.err.starts_with("pending migrations: 2; `portcullis migrate up`"), "{status:?}");
        let status = place.run("migrate status --json");
        let rows: Value = serde_json::from_str(&status.out).expect("one JSON document");
        let pending = rows.as_array().expect("a list").iter().filter(|row| row["state"] == "pending");
        assert_eq!((status.code, pending.count()), (Some(3), 2));
        let count = all.as_array().expect("a list").len();
        assert_eq!(place.run("migrate down --yes --steps 99").done().lines().count(), count - 2);
        assert_eq!(place.run("migrate down --yes").done(), "nothing to do: no migration is applied\n");
        assert_eq!(place.run("migrate up").done().lines().count(), count);
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let place = Place::new();
    let mut child = place.command(&["schema"]).stdin(Stdio::null()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn commands_are_quiet_unless_the_environment_asks() {
    let place = Place::new();
    place.write("portcullis.toml", "log.filter = \"debug\"");
    place.run("migrate up").done();
    assert_eq!(place.run_with("users create ada", PASSWORD).err, "");
    let place = place.with("PORTCULLIS_LOG__FILTER", "info");
    assert!(place.run_with("users create bob", PASSWORD).err.contains("USER_CREATED"));
}
