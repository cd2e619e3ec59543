//! Records that are refused.

use std::fs;

use serde_json::{Value, json};

use super::{BCRYPT, line, refusals, usernames};
use crate::cli::place::{Place, mode};

/// A line of a file, and the reason why it is refused. `None` if it is imported.
type Line = (Vec<u8>, Option<&'static str>);

/// An account with one field of this value.
fn with(field: &str, value: Value) -> Vec<u8> {
    let mut user = json!({ "username": format!("x{field}"), "passwordHash": BCRYPT });
    user[field] = value;
    user.to_string().into_bytes()
}

fn lines() -> Vec<Line> {
    [records(), hashes(), fields()].concat()
}

/// Records of which hardly anything can be read.
fn records() -> Vec<Line> {
    let no_username =
        "it has no username; if the field has another name in the file, pass --map username=NAME";
    let no_password = "it has neither passwordHash nor password; if the field has another name in the file, pass \
        --map passwordHash=NAME";
    let characters = "A username consists of letters, digits and signs such as . _ - without spaces.";
    let long = line("long", &"x".repeat(2 << 20));
    [
        (line("ada", BCRYPT).as_bytes(), None),
        (b"{\"username\": \"secret-word\", ", Some("it is not valid JSON (line 1 of the record, column 27)")),
        (b"[1]", Some("it is not a JSON object")),
        (b"{\"username\": \"b\xffb\"}", Some("it is not valid UTF-8")),
        (long.as_bytes(), Some("it is longer than 1 MiB")),
        (b"{}", Some(no_username)),
        (b"{\"username\": null}", Some(no_username)),
        (b"{\"username\": {\"a\": 1}}", Some("username is not text")),
        (b"{\"username\": \"ha\\u0007\"}", Some(characters)),
        (b"{\"username\": \"none\"}", Some(no_password)),
        (line("\u{ff21}DA", BCRYPT).as_bytes(), Some("it has the same username as line 1")),
    ]
    .map(|(text, why)| (text.trim_ascii_end().to_vec(), why))
    .into()
}

/// Records with hashes that are refused.
fn hashes() -> Vec<Line> {
    let tail = "c2Vhc2FsdDEyMzQ1Njc4OTA$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4";
    [
        ("$6$secretsalt$secret-word".to_owned(), "passwordHash: $6$ (sha512crypt) is not supported"),
        ("secret-word".to_owned(), "passwordHash: it is in no supported encoding"),
        (
            format!("$argon2id$v=19$m=1048576,t=1,p=1${tail}"),
            "passwordHash: its memory in KiB is not between 0 and 131072",
        ),
        (
            format!("$scrypt$ln=20,r=8,p=1${tail}"),
            "passwordHash: its scrypt work N·r·p is not between 1 and 4194304",
        ),
        (BCRYPT.replace("$04$", "$31$"), "passwordHash: its cost is not between 4 and 15"),
        (
            format!("$pbkdf2-sha256$i=4294967295,l=32${tail}"),
            "passwordHash: its number of iterations is not between 1 and 5000000",
        ),
    ]
    .map(|(hash, why)| (with("passwordHash", json!(hash)), Some(why)))
    .into()
}

/// Records with a field that is refused, or just not refused.
fn fields() -> Vec<Line> {
    let time = "createdAt is not a past time in RFC 3339 or in milliseconds since 1970";
    let firebase =
        "a hash with a salt is one of Firebase; pass the parameters of its project (--firebase-config)";
    [
        ("email", json!("nobody"), Some("This is not an e-mail address.")),
        ("email", json!(["a"]), Some("email is not text")),
        ("emailVerified", json!(true), None),
        ("disabled", json!("perhaps"), Some("disabled is not true or false")),
        ("createdAt", json!("yesterday"), Some(time)),
        ("createdAt", json!("2999-01-01T00:00:00Z"), Some(time)),
        ("createdAt", json!(i64::MAX), Some(time)),
        ("roles", json!(["editor"]), Some("there is no role \"editor\"")),
        (
            "roles",
            json!(["admin"]),
            Some("it has the role admin; pass --allow-role admin to import accounts with it"),
        ),
        ("roles", json!([]), None),
        ("roles", json!(7), Some("roles is not a list of texts, or text with commas")),
        ("id", json!("user_nonsense"), Some("id is not a valid id")),
        ("id", json!("user_00000000000000000000000000"), Some("id is not a valid id")),
        ("salt", json!("c2FsdA=="), Some(firebase)),
        ("passwordNormalization", json!("NFD"), Some("passwordNormalization is not NFKC")),
        ("password", json!("secret-word"), None),
    ]
    .map(|(field, value, why)| (with(field, value), why))
    .into()
}

#[test]
fn each_refused_line_is_reported_with_its_reason_and_the_others_are_imported() {
    for place in Place::on_each_database() {
        let lines = lines();
        let text: Vec<u8> = lines.iter().flat_map(|(text, _)| [text, b"\r\n".as_slice()].concat()).collect();
        place.write("users.jsonl", "");
        fs::write(place.path("users.jsonl"), [b"\xef\xbb\xbf".as_slice(), &text].concat()).expect("ours");
        let done = place.run("users import users.jsonl --report report.jsonl");
        assert_eq!(done.code, Some(1));
        let number = |at: usize| u64::try_from(at).expect("a number") + 1;
        let expected: Vec<(u64, String)> = lines
            .iter()
            .enumerate()
            .filter_map(|(at, (_, why))| Some((number(at), (*why)?.to_owned())))
            .collect();
        assert_eq!(refusals(&place, "report.jsonl"), expected);
        let imported = lines.len() - expected.len();
        let summary = format!("{imported} imported, 0 exist already, {} refused\n", expected.len());
        assert!(done.out.ends_with(&summary), "{done:?}");
        assert_eq!(
            done.err,
            format!("error: {} records were refused\n", expected.len()).replacen(
                "error",
                "creating the database data/portcullis.db\nerror",
                usize::from(place.value("DATABASE_URL").is_empty())
            )
        );
        assert_eq!(usernames(&place).len(), imported);
        let report = fs::read_to_string(place.path("report.jsonl")).expect("the report");
        for text in [&report, &done.out, &done.err] {
            assert!(!text.contains("secret") && !text.contains("dJFL") && !text.contains("$2b$"), "{text}");
        }
        assert_eq!(mode(&place.path("report.jsonl")), 0o600);
    }
}

#[test]
fn a_dry_run_reports_the_same_and_writes_nothing() {
    for place in Place::on_each_database() {
        let lines: Vec<Vec<u8>> =
            lines().into_iter().map(|(text, _)| [text, b"\n".to_vec()].concat()).collect();
        fs::write(place.path("users.jsonl"), lines.concat()).expect("ours");
        let before = place.run("users import users.jsonl --dry-run --report dry1.jsonl");
        assert!(before.out.contains(" would be imported, 0 exist already, "), "{before:?}");
        if place.value("DATABASE_URL").is_empty() {
            assert!(!place.path("data").exists(), "not even a database");
        }
        place.run("migrate up").done();
        place.run("users import users.jsonl --dry-run --report dry2.jsonl");
        assert_eq!(usernames(&place), [""; 0]);
        place.run("users import users.jsonl --report real.jsonl");
        let read = |name: &str| fs::read_to_string(place.path(name)).expect("a report");
        assert_eq!(read("dry1.jsonl"), read("real.jsonl"));
        assert_eq!(read("dry2.jsonl"), read("real.jsonl"));
        let again = place.run("users import users.jsonl --dry-run");
        assert!(again.out.contains("0 would be imported, 4 exist already, "), "{again:?}");
    }
}

#[test]
fn what_must_be_unique_is_unique_in_the_file_and_the_database() {
    for place in Place::on_each_database() {
        let user = |name: &str, email: &str, id: Option<&str>| {
            let user = json!({
                "username": name, "email": email, "emailVerified": true, "id": id, "passwordHash": BCRYPT,
            });
            format!("{user}\n")
        };
        let (one, two) = ("user_01m8er3kb2e5y8nh5g9vkxxqxq", "user_01m8er3kb2e5y8nh5g9z2cr5qq");
        place.write("first.jsonl", &user("ada", "ada@example.com", Some(one)));
        assert_eq!(place.run("users import first.jsonl").code, Some(0));
        assert_eq!(place.run("users list --json").json()[0]["id"], one, "the id is kept");
        let lines = [
            user("ADA", "other@example.com", None),
            user("bob", "Ada@Example.com", None),
            user("bob", "bob@example.com", Some(one)),
            user("eve", "eve@example.com", Some(two)),
            user("joe", "EVE@example.com", None),
            user("kim", "kim@example.com", Some(two)),
        ];
        place.write("second.jsonl", &lines.concat());
        let done = place.run("users import second.jsonl --report report.jsonl");
        assert!(done.out.ends_with("1 imported, 1 exist already, 4 refused\n"), "{done:?}");
        let expected = [
            (2, "another account has verified the email"),
            (3, "it has the same username as line 2"),
            (5, "it has the same email as line 4"),
            (6, "it has the same id as line 4"),
        ];
        assert_eq!(
            refusals(&place, "report.jsonl"),
            expected.map(|(line, reason)| (line, reason.to_owned()))
        );
        place.write("third.jsonl", &user("lea", "lea@example.com", Some(one)));
        let done = place.run("users import third.jsonl");
        assert!(done.out.contains("line 1 (lea): another account has the id"), "{done:?}");
    }
}

#[test]
fn no_file_is_overwritten() {
    let place = Place::new();
    place.write("users.jsonl", &line("ada", BCRYPT));
    let failed = place.run("users import users.jsonl --report users.jsonl").failed();
    assert!(failed.contains("cannot create the report users.jsonl"), "{failed}");
    assert_eq!(fs::read_to_string(place.path("users.jsonl")).expect("it is there"), line("ada", BCRYPT));
    assert_eq!(usernames(&place), [""; 0]);
}
