//! Imports that are interrupted and repeated.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use super::{BCRYPT, line, usernames};
use crate::{
    cli::place::{PASSWORD, Place},
    support::PATIENCE,
};

/// As many lines as this, with usernames that sort in their order.
fn many(count: usize) -> String {
    (0..count).map(|number| line(&format!("user{number:05}"), BCRYPT)).collect()
}

#[test]
fn a_repeated_import_skips_what_exists_and_changes_nothing() {
    for place in Place::on_each_database() {
        place.run_with("users create User00001 --role admin", PASSWORD).done();
        let hash = place.texts("SELECT password_hash FROM users");
        place.write("users.jsonl", &many(3));
        assert_eq!(place.run("users import users.jsonl").done(), "2 imported, 1 exist already, 0 refused\n");
        let stored = place.texts("SELECT password_hash FROM users WHERE username = 'User00001'");
        assert_eq!(stored, hash, "the existing account keeps its password");
        place.write("users.jsonl", &many(4));
        assert_eq!(
            place.run("users import users.jsonl --report report.jsonl").done(),
            "1 imported, 3 exist already, 0 refused\n"
        );
        let report = std::fs::read_to_string(place.path("report.jsonl")).expect("a report");
        let first = "{\"line\":1,\"username\":\"user00000\",\"outcome\":\"exists\"}";
        assert_eq!((report.lines().count(), report.lines().next()), (3, Some(first)));
    }
}

#[test]
fn a_killed_import_is_completed_by_the_next_one() {
    for place in Place::on_each_database() {
        place.run("migrate up").done();
        let text = many(3000);
        let mut child = place.command(&["users", "import", "-"]).spawn().expect("the binary runs");
        let mut input = child.stdin.take().expect("is piped");
        // The input does not end, so the import does not either.
        let first: String = text.split_inclusive('\n').take(1700).collect();
        input.write_all(first.as_bytes()).expect("it reads");
        let deadline = Instant::now() + PATIENCE;
        let count =
            || place.texts("SELECT CAST(count(*) AS TEXT) FROM users")[0].parse::<usize>().expect("a number");
        while count() == 0 {
            assert!(Instant::now() < deadline, "nothing is imported");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("it runs");
        child.wait().expect("it is our child");
        let imported = count();
        assert!(imported > 0 && imported < 3000 && imported.is_multiple_of(500), "{imported}: whole batches");
        let events = place.texts("SELECT action FROM audit_events");
        assert_eq!(events.len(), imported, "each account has its event");
        place.write("users.jsonl", &text);
        let expected = format!("{} imported, {imported} exist already, 0 refused\n", 3000 - imported);
        assert_eq!(place.run("users import users.jsonl").done(), expected);
        assert_eq!(usernames(&place).len(), 3000);
    }
}

#[test]
fn accounts_that_appear_during_an_import_are_skipped_one_by_one() {
    for place in Place::on_each_database() {
        place.write("users.jsonl", &many(600));
        let import = || place.command(&["users", "import", "users.jsonl"]).spawn().expect("the binary runs");
        place.run("migrate up").done();
        let runs = [import(), import(), import()].map(|run| run.wait_with_output().expect("it ends"));
        for run in &runs {
            assert_eq!(run.status.code(), Some(0), "{run:?}");
        }
        assert_eq!(usernames(&place).len(), 600);
        assert_eq!(
            place.texts("SELECT action FROM audit_events").len(),
            600,
            "each account is imported once"
        );
    }
}
