//! Imported accounts sign in.

use serde_json::json;

use super::{BCRYPT, line, log_in};
use crate::cli::{
    place::{PASSWORD, Place},
    server::Server,
};

/// Made for [`PASSWORD`] by Django 5.2, passlib 1.7.4, argon2-cffi 25.1, bcrypt 4.3, Werkzeug 3.1 and Node 20.
const HASHES: [&str; 14] = [
    "pbkdf2_sha256$1000$seasalt12345$lc9upgiPQ2muevvuisr7qA/SNSmKyk+QjwXhw/n1uhw=",
    "argon2$argon2id$v=19$m=256,t=2,p=2$c2Vhc2FsdDEyMzQ1Njc4OTA$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4",
    "bcrypt_sha256$$2b$04$TLRsocaNHwFmA.nGo5qaFOGln8w85Uuo7sXFnncyRzu7qFV3PjJ8O",
    "bcrypt$$2b$04$G08j7wc833wk1GYhoig0c..zeASr8bz6gZaCh.929H8E4hxmVCecC",
    "scrypt$1024$seasalt12345$8$2$i21AUvDhmPT7edO9Q8wmlwwJNk1latlRs2Y8v+ACZuz8EPV45CUiwwqQQN/Hr0GaldeqSpLF9TtLlyWjvez8lA==",
    "$pbkdf2$1000$.//.c2Vhc2FsdDEyMzQ$tFV2X4VhEYgtZVIwTosjQ4rhzqo",
    "$pbkdf2-sha512$1000$.//.c2Vhc2FsdDEyMzQ$tmcvVozcnqlyZpTJcBS2PdoKUsppZv/LMx2WcaZl31xLo5mJUi2FoOgXjBV0V8.4Bed05FHw20sQ2IIFcMK5sg",
    "$scrypt$ln=10,r=8,p=1$mDOGEIIwhvC+l5IyRgiBcA$zHul9K5u614LPuhm2hYlN8ztDLmZtkXC7o051f9OX2I",
    "$bcrypt-sha256$v=2,t=2b,r=4$nmk4L6rQJrE/Kx0//Wchle$5aFhsLzhTEwAey8gQNvEjs4efUE1DsO",
    "$2a$04$0yqrCGMqydZ.q0i8xbmfl.WLRbPxEzULYJgF9BsS2lqxxV726EdFe",
    "$argon2id$v=19$m=256,t=2,p=2$ekaUzP9xQ1sR1RfL/OWrVg$2O3yEQx8Tx3qsgApR4tIiGEFuu96Ia10cOMXZcHBGag",
    "$argon2i$v=19$m=256,t=2,p=2$eJGBIgNQhae/QdHnCRvxyA$NxvXyEe8fXfeTHF89qMLYPfgwHeBwbYq7FHl69aj3qI",
    "pbkdf2:sha256:1000$YaFHnJtdBtf1QGpq$967345f9a7bd591fa1384eb6d1174476651bf1c8994ac72042734faa9b8775be",
    "AQAAAAIAAAPoAAAAEHNlYXNhbHQxMjM0NTY3ODkkHKKKVfaFpLPLO2oBh6WPKYNziGbWD5Q6C489NaQnyg==",
];

#[test]
fn a_hash_of_each_scheme_signs_in_and_is_then_ours() {
    for place in Place::on_each_database() {
        let lines: Vec<String> =
            HASHES.iter().enumerate().map(|(at, hash)| line(&format!("u{at}"), hash)).collect();
        place.write("users.jsonl", &lines.concat());
        let done = place.run("users import users.jsonl").out;
        assert_eq!(done, "14 imported, 0 exist already, 0 refused\n");
        let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        for (at, hash) in HASHES.iter().enumerate() {
            let name = format!("u{at}");
            let wrong = log_in(&server, &name, "correct horse battery stable");
            assert_eq!(wrong, Err("INVALID_CREDENTIALS".to_owned()), "{hash}");
            assert!(log_in(&server, &name, PASSWORD.trim()).is_ok(), "{hash}");
        }
        let hashes = place.texts("SELECT password_hash FROM users");
        assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$")), "{hashes:?}");
        for (at, hash) in HASHES.iter().enumerate() {
            assert!(log_in(&server, &format!("u{at}"), PASSWORD.trim()).is_ok(), "{hash}");
        }
    }
}

#[test]
fn the_sign_in_that_replaces_a_hash_ends_no_session() {
    let place = Place::new();
    place.write("users.jsonl", &line("ada", BCRYPT));
    place.run("users import users.jsonl");
    let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    let token = log_in(&server, "ada", PASSWORD.trim()).expect("signed in");
    let stored = place.texts("SELECT password_hash FROM users");
    assert!(log_in(&server, "ADA", PASSWORD.trim()).is_ok());
    assert_eq!(place.texts("SELECT password_hash FROM users"), stored, "it is replaced once");
    let me = server.ask("{ me { username } }", &json!({}), Some(&token));
    assert_eq!(me["data"]["me"]["username"], "ada", "{me}");
}

/// The example of <https://github.com/firebase/scrypt>, in the format of `firebase auth:export`.
#[test]
fn an_export_of_firebase_is_imported_with_the_parameters_of_its_project() {
    let place = Place::new();
    let users = json!({ "users": [
        {
            "localId": "KkdKU0lbRXR2BqNt2DqOPJ3Ws1B2", "email": "ada@example.com", "emailVerified": true,
            "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
            "salt": "42xEC+ixf3L2lw==", "displayName": "Ada", "createdAt": "1498246416000",
            "lastSignedInAt": "1498246416001", "providerUserInfo": []
        },
        { "localId": "x", "email": "bob@example.com", "providerUserInfo": [{ "providerId": "google.com" }] },
    ] });
    place.write("users.json", &serde_json::to_string_pretty(&users).expect("JSON"));
    let failed = place.run("users import users.json --map username=email");
    assert!(failed.out.contains("--firebase-config"), "{failed:?}");
    let config = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: \
        jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,\n  \
        base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}\n";
    place.write("firebase.txt", config);
    let failed = place.run("users import users.json --map username=email --firebase-config firebase.txt");
    assert_eq!(failed.code, Some(1));
    assert!(failed.out.contains("(bob@example.com): it has neither passwordHash nor password"), "{failed:?}");
    assert!(failed.out.ends_with("1 imported, 0 exist already, 1 refused\n"), "{failed:?}");
    let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    assert!(log_in(&server, "ada@example.com", "user1password").is_ok());
    assert!(place.texts("SELECT password_hash FROM users")[0].starts_with("$argon2id$"));
    let ada = &place.run("users list --json").json()[0];
    assert_eq!((&ada["createdAt"], &ada["emailVerified"]), (&json!("2017-06-23T19:33:36Z"), &json!(true)));
}

#[test]
fn plain_passwords_are_hashed_if_that_is_asked_for() {
    for place in Place::on_each_database() {
        let lines = [
            json!({ "username": "ada", "password": "abc" }),
            json!({ "username": "bob", "password": BCRYPT }),
            json!({ "username": "eve", "password": "" }),
            json!({ "username": "joe", "password": "$1$hunter2x$0123456789012345678901" }),
            json!({ "username": "kim", "password": 123_456 }),
            json!({ "username": "lea", "password": "x".repeat(257) }),
        ];
        let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        place.write("users.jsonl", &lines.concat());
        let refused = place.run("users import users.jsonl");
        assert_eq!(refused.out.matches("--plain-passwords").count(), 5, "{refused:?}");
        assert!(refused.out.ends_with("1 imported, 0 exist already, 5 refused\n"), "{refused:?}");

        let done = place.run("users import users.jsonl --plain-passwords");
        assert!(done.out.ends_with("2 imported, 1 exist already, 3 refused\n"), "{done:?}");
        assert!(done.out.contains("line 3 (eve): password is empty"), "{done:?}");
        assert!(done.out.contains("line 4 (joe): password looks like a hash"), "{done:?}");
        assert!(!format!("{refused:?}{done:?}").contains("hunter2"));
        let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        for (name, password) in [("ada", "abc"), ("bob", PASSWORD.trim()), ("kim", "123456")] {
            assert!(log_in(&server, name, password).is_ok(), "{name}: the policy does not apply");
        }
        let stored = place.texts("SELECT password_hash FROM users");
        assert!(stored.iter().all(|hash| hash.starts_with("$argon2id$")), "{stored:?}");
        place.write("users.csv", "username,password\r\nmia, spaces stay \r\n");
        place.run("users import users.csv --plain-passwords").done();
        assert!(log_in(&server, "mia", " spaces stay ").is_ok());
        assert!(log_in(&server, "mia", "spaces stay").is_err());
    }
}

#[test]
fn a_login_takes_no_more_memory_than_is_configured() {
    // scrypt with 32 MiB, and Argon2 with 20 MiB.
    let salt_and_output = "mDOGEIIwhvC+l5IyRgiBcA$zHul9K5u614LPuhm2hYlN8ztDLmZtkXC7o051f9OX2I";
    let scrypt = format!("$scrypt$ln=15,r=8,p=1${salt_and_output}");
    let argon2 = format!("$argon2id$v=19$m=20480,t=1,p=1${salt_and_output}");
    let lines = [line("ada", &scrypt), line("bob", &argon2), line("eve", BCRYPT)].concat();
    let small = Place::new().with("PORTCULLIS_PASSWORDS__IMPORTED_MEMORY_KIB", "16384");
    small.write("users.jsonl", &lines);
    let refused = small.run("users import users.jsonl");
    assert_eq!(refused.out.matches("its memory in KiB is not between 0 and 16384").count(), 2, "{refused:?}");

    // The configuration was another one when they were imported.
    let place = Place::new();
    place.write("users.jsonl", &lines);
    place.run("users import users.jsonl").done();
    let place = place.with("PORTCULLIS_PASSWORDS__IMPORTED_MEMORY_KIB", "16384");
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    for name in ["ada", "bob"] {
        assert_eq!(log_in(&server, name, PASSWORD.trim()), Err("INVALID_CREDENTIALS".to_owned()));
        server.says("a stored password hash is damaged");
        let failed = place.run_with(&format!("users import --check {name}"), PASSWORD).failed();
        assert!(failed.contains("its memory in KiB is not between 0 and 16384"), "{failed}");
    }
    assert!(log_in(&server, "eve", PASSWORD.trim()).is_ok());
}

#[test]
fn a_login_is_proven_before_and_after_the_import() {
    for place in Place::on_each_database() {
        let off = json!({ "username": "eve", "passwordHash": BCRYPT, "disabled": true });
        place.write("users.jsonl", &format!("{}{off}\n", line("ada", BCRYPT)));
        let right = "the password of ada is right; the next sign-in replaces its hash\n";
        assert_eq!(place.run_with("users import users.jsonl --check ADA", PASSWORD).done(), right);
        assert!(!place.path("data").exists(), "it needs no database");
        place.run("users import users.jsonl").done();
        for line in ["users import --check ada", "users import users.jsonl --check ada"] {
            assert_eq!(place.run_with(line, PASSWORD).done(), right);
            let wrong = place.run_with(line, "correct horse battery stable\n").failed();
            assert!(wrong.contains("this is not the password of ada"), "{wrong}");
            assert!(place.run(line).failed().contains("no password on standard input"));
        }
        for line in ["users import --check eve", "users import users.jsonl --check eve"] {
            assert!(place.run_with(line, PASSWORD).failed().contains("disabled"));
        }
        for line in ["users import --check bob", "users import users.jsonl --check bob"] {
            assert!(place.run_with(line, PASSWORD).failed().contains("no user \"bob\""));
        }
        assert!(place.run_with("users import - --check ada", PASSWORD).failed().contains("standard input"));
        assert_eq!(place.run("users import").code, Some(2));
        assert_eq!(
            place.texts("SELECT password_hash FROM users WHERE username = 'ada'"),
            [BCRYPT],
            "unchanged"
        );
        assert!(place.texts("SELECT action FROM audit_events").iter().all(|action| action == "USER_CREATED"));
    }
}
