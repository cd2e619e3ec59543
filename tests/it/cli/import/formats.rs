//! The formats of files.

use serde_json::{Value, json};

use super::{BCRYPT, line, refusals, usernames};
use crate::cli::place::Place;

/// As `mongoexport` writes the collection of the usual Node guide (mongoexport 100.9, canonical and relaxed).
fn mongo(username: &str) -> Vec<Value> {
    vec![
        json!({ "_id": { "$oid": "5f5e10000000000000000000" }, "username": username, "password": BCRYPT, "__v": 0 }),
        json!({
            "_id": { "$oid": "5f5e10000000000000000001" }, "username": format!("{username}2"), "password": BCRYPT,
            "createdAt": { "$date": "2021-03-04T05:06:07.089Z" }, "__v": { "$numberInt": "0" },
        }),
        json!({
            "_id": { "$oid": "5f5e10000000000000000002" }, "username": format!("{username}3"), "password": BCRYPT,
            "createdAt": { "$date": { "$numberLong": "1614834367089" } },
        }),
    ]
}

#[test]
fn an_export_of_mongodb_is_imported_as_lines_and_as_an_array() {
    for place in Place::on_each_database() {
        let lines: Vec<String> = mongo("ada").iter().map(|line| format!("{line}\n")).collect();
        place.write("lines.json", &lines.concat());
        place.write("array.json", &serde_json::to_string_pretty(&mongo("bob")).expect("JSON"));
        for name in ["lines.json", "array.json"] {
            let done = place.run(&format!("users import {name}")).done();
            assert_eq!(
                done,
                "3 ids of another system are not kept\n3 imported, 0 exist already, 0 refused\n"
            );
        }
        let users = place.run("users list --json").json();
        let created: Vec<_> =
            users.as_array().expect("a list").iter().map(|user| &user["createdAt"]).collect();
        let (from_id, date) = ("2020-09-13T12:26:40Z", "2021-03-04T05:06:07.089Z");
        assert_eq!(created, [from_id, date, date, from_id, date, date]);
        assert_eq!(users[0]["roles"], json!(["user"]), "the default roles");
        let events = place.texts("SELECT action FROM audit_events");
        assert_eq!(events, ["USER_CREATED"; 6]);
    }
}

#[test]
fn a_table_is_imported() {
    for place in Place::on_each_database() {
        let table = format!(
            "\u{feff}Login,E-Mail,email_verified,Display Name,Roles,disabled,created-at,hash\r\n\
             ada,ada@example.com,yes,\"Lovelace, \"\"Ada\"\"\",\"user, admin\",0,2021-03-04T05:06:07Z,{BCRYPT}\r\n\
             \r\n\
             bob,,,\"two\nlines\",,,,{BCRYPT}\r\n\
             eve,,,,,true,,{BCRYPT}\r\n\
             joe,too,few\r\n\
             kim,,,,,maybe,,{BCRYPT}\r\n\
             lea,,,{},,,,{BCRYPT}\r\n\
             mia,,,5\" and 6\",,,,{BCRYPT}\r\n",
            "x".repeat(1 << 20)
        );
        place.write("users.csv", &table);
        let line = "users import users.csv --map username=Login --map email=E-Mail --map password_hash=hash \
                    --allow-role admin --report report.jsonl";
        let done = place.run(line);
        assert!(done.out.ends_with("3 imported, 0 exist already, 4 refused\n"), "{done:?}");
        let expected = [
            (4, "A display name is one line without control characters."),
            (7, "it has 3 columns, but the header has 8"),
            (8, "disabled is not true or false"),
            (9, "it is longer than 1 MiB"),
        ];
        assert_eq!(
            refusals(&place, "report.jsonl"),
            expected.map(|(line, reason)| (line, reason.to_owned()))
        );
        let users = place.run("users list --json").json();
        let ada = &users[0];
        assert_eq!(ada["displayName"], "Lovelace, \"Ada\"");
        assert_eq!((&ada["email"], &ada["emailVerified"]), (&json!("ada@example.com"), &json!(true)));
        assert_eq!(
            (&ada["roles"], &ada["createdAt"]),
            (&json!(["admin", "user"]), &json!("2021-03-04T05:06:07Z"))
        );
        assert_eq!((&users[1]["username"], &users[1]["disabled"]), (&json!("eve"), &json!(true)));
        assert_eq!(users[1]["roles"], json!([]), "an empty cell is no role");
        assert_eq!(users[2]["displayName"], "5\" and 6\"");
    }
}

#[test]
fn fields_have_other_names_or_are_deep_in_a_record() {
    let place = Place::new();
    let user = json!({
        "login": "ada", "emails": [{ "address": "ada@example.com", "verified": true }],
        "services": { "password": { "bcrypt": BCRYPT } }, "email": "not an address", "a.b": "Ada",
    });
    place.write("users.jsonl", &format!("{user}\n"));
    let base = "users import users.jsonl --map username=login --map passwordHash=services.password.bcrypt";
    assert!(place.run(base).out.contains("This is not an e-mail address"), "the field email is read");
    let line = format!(
        "{base} --map email=emails.0.address --map emailVerified=emails.0.verified --map displayName=a.b"
    );
    place.run(&line).done();
    let ada = &place.run("users list --json").json()[0];
    assert_eq!((&ada["email"], &ada["emailVerified"]), (&json!("ada@example.com"), &json!(true)));
    assert_eq!(ada["displayName"], "Ada");

    place.write("users.jsonl", &user.to_string().replace("ada", "bob"));
    place.run(&format!("{base} --map email=")).done();
    assert_eq!(
        place.run("users list --json").json()[1]["email"],
        Value::Null,
        "an empty name ignores the field"
    );
    for (flag, reason) in [
        ("--map login", "expected field=name"),
        ("--map login=username", "there is no such field; the fields are id, username"),
        ("--map email=a --map E-Mail=b", "mapped twice"),
        ("--allow-role root", "there is no role \"root\""),
    ] {
        let failed = place.run(&format!("users import users.jsonl {flag}")).failed();
        assert!(failed.contains(reason), "{flag}: {failed}");
    }
}

#[test]
fn standard_input_is_a_file() {
    let place = Place::new();
    let input = [line("ada", BCRYPT), "\n".to_owned(), line("bob", BCRYPT).trim().to_owned()].concat();
    place.run_with("users import -", &input);
    let table = format!("username,password\neve,{BCRYPT}\n");
    assert_eq!(place.run_with("users import - --format csv", &table).code, Some(0));
    assert_eq!(usernames(&place), ["ada", "bob", "eve"]);
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_says_where_it_is_broken() {
    let place = Place::new();
    let one = line("ada", BCRYPT);
    for (name, text, reason) in [
        ("a.json", format!("[\n{one},\n3]"), "something that is not an object (line 4)"),
        ("b.json", format!("[\n{one},\n{{\"username\": \"bob\""), "the file ends within an object (line 4)"),
        ("c.json", format!("[\n{one}"), "the file ends within the array (line 3)"),
        (
            "d.csv",
            format!("username,password\nada,{BCRYPT}\nbob,\"{}", "x".repeat(3 << 20)),
            "ends within a quoted field of the row on line 3",
        ),
    ] {
        place.write(name, &text);
        let failed = place.run(&format!("users import {name}"));
        assert_eq!(failed.code, Some(1), "{failed:?}");
        assert!(failed.err.contains(reason), "{failed:?}");
        assert!(
            failed.out.contains("ed, ") && failed.out.ends_with("0 refused\n"),
            "the summary: {failed:?}"
        );
    }
    assert_eq!(usernames(&place), ["ada"], "what comes before is imported");
    std::fs::write(place.path("utf16.csv"), b"\xff\xfeu\0s\0e\0r\0").expect("the folder is ours");
    assert!(place.run("users import utf16.csv").failed().contains("UTF-16"));
    assert!(place.run("users import missing.jsonl").failed().contains("cannot read missing.jsonl"));
    assert!(place.run("users import .").failed().contains("cannot read ."));
}
