//! The files that a server writes, and starts that find only some of them.

use std::fs;

use super::{
    place::{PASSWORD, Place},
    server::Server,
};

/// The names in the data folder, sorted.
fn files(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("data")).expect("the folder is there");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// Copies files of the data folder to a new place, readable by their owner alone.
fn copy(place: &Place, names: &[&str]) -> Place {
    let copy = Place::new();
    fs::create_dir(copy.path("data")).expect("the folder is ours");
    for name in names {
        let name = format!("data/{name}");
        fs::copy(place.path(&name), copy.path(&name)).expect("the file is there");
    }
    copy
}

#[test]
fn a_stopped_server_leaves_one_file_that_can_be_copied() {
    let place = Place::new();
    let mut server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    place.run_with("users create ada", PASSWORD).done();
    server.login("ada");
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(files(&place), ["portcullis.db", "secret"]);
    let copy = copy(&place, &["portcullis.db", "secret"]);
    Server::start(&copy, &["--listen", "127.0.0.1:0"]).login("ada");
}

#[test]
fn each_command_leaves_one_file_also_when_it_fails() {
    let place = Place::new();
    for (line, input, succeeds) in [
        ("migrate up", "", true),
        ("users create ada", PASSWORD, true),
        ("users create ada", PASSWORD, false),
        ("users list", "", true),
        ("users disable grace", "", false),
        ("sessions list ada", "", true),
        ("keys list", "", true),
        ("migrate status", "", true),
        ("doctor", "", true),
    ] {
        let answer = place.run_with(line, input);
        assert_eq!(answer.code == Some(0), succeeds, "{line}: {answer:?}");
        let files = files(&place);
        assert!(
            files.iter().all(|name| ["portcullis.db", "secret"].contains(&name.as_str())),
            "{line}: {files:?}"
        );
    }
    let other = place.with("PORTCULLIS_SECRET", "another master secret of 32 bytes or more");
    assert!(other.run("users list").failed().contains("another master secret"));
    assert_eq!(files(&other), ["portcullis.db", "secret"]);
}

#[test]
fn a_command_beside_a_server_leaves_its_files_alone() {
    let place = Place::new();
    let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    place.run_with("users create ada", PASSWORD).done();
    place.run("users list").done();
    server.login("ada");
    place.run("users disable ada").done();
}

#[test]
fn a_secret_beside_a_database_without_keys_stops_the_start() {
    let place = Place::new();
    let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
    // A copy while the server runs, without the write-ahead log.
    let copy = copy(&place, &["portcullis.db", "secret"]);
    drop(server);
    let before = fs::read(copy.path("data/portcullis.db")).expect("the copy");
    for line in ["--listen 127.0.0.1:0", "users create grace"] {
        let error = copy.run_with(line, PASSWORD).failed();
        for part in ["data/secret was created for a database", "-wal", "delete data/secret", "secret_file"] {
            assert!(error.contains(part), "{line}: {error}");
        }
    }
    assert!(copy.run("doctor").failed().contains("check"));
    assert_eq!(fs::read(copy.path("data/portcullis.db")).expect("the copy").len(), before.len());

    // Without any file the database is not made.
    fs::remove_file(copy.path("data/portcullis.db")).expect("the copy");
    assert!(copy.run("--listen 127.0.0.1:0").failed().contains("data/portcullis.db has none"));
    let report = copy.run("doctor");
    assert!(report.out.contains("data/secret was created for a database"), "{report:?}");
    assert_eq!(files(&copy), ["secret"]);

    // Both ways on.
    let named = copy.with("PORTCULLIS_SECRET_FILE", "data/secret");
    named.run_with("users create grace", PASSWORD).done();
    fs::remove_file(place.path("data/secret")).expect("it is ours");
    for name in files(&place) {
        fs::remove_file(place.path(&format!("data/{name}"))).expect("it is ours");
    }
    place.run_with("users create grace", PASSWORD).done();
}

#[test]
fn a_migrated_database_without_keys_is_rejected_as_well() {
    for place in Place::on_each_database() {
        place.run("migrate up").done();
        place.run("doctor").done();
        fs::create_dir_all(place.path("data")).expect("the folder is ours");
        place.write("data/secret", "0123456789012345678901234567890123456789");
        let error = place.run_with("users create ada", PASSWORD).failed();
        assert!(error.contains("data/secret was created for a database"), "{error}");
        let report = place.run("doctor");
        assert!(report.code == Some(1) && report.out.contains("data/secret was created"), "{report:?}");
        let place = place.with("PORTCULLIS_SECRET_FILE", "data/secret");
        place.run_with("users create ada", PASSWORD).done();
    }
}

#[test]
fn a_configured_secret_works_for_a_first_start() {
    for place in Place::on_each_database() {
        place.write("operators", "0123456789012345678901234567890123456789");
        let place = place.with("PORTCULLIS_SECRET_FILE", "operators");
        let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        let told = server.log.iter().any(|line| line.contains("the database is empty"));
        assert!(told, "{:#?}", server.log);
    }
}

#[test]
fn an_interrupted_first_start_goes_on() {
    for place in Place::on_each_database() {
        // Where it was interrupted: after it had made the secret, and before it had sealed a key.
        place.run("migrate up").done();
        fs::create_dir_all(place.path("data")).expect("the folder is ours");
        place.write("data/secret.new", "0123456789012345678901234567890123456789");
        place.run_with("users create ada", PASSWORD).done();
        let kept = fs::read_to_string(place.path("data/secret")).expect("it is kept");
        assert_eq!(kept, "0123456789012345678901234567890123456789");
        assert!(!place.path("data/secret.new").exists());

        // After it had sealed a key, and before it had kept the secret.
        fs::rename(place.path("data/secret"), place.path("data/secret.new")).expect("it is ours");
        place.run("users list").done();
        assert!(place.path("data/secret").exists() && !place.path("data/secret.new").exists());
    }
}

#[test]
fn with_the_key_in_a_file_a_database_without_keys_can_start_again() {
    let place = Place::new().with("PORTCULLIS_TOKENS__SIGNING_KEY_FILE", "key.pem");
    // The example of RFC 8410 §10.3.
    let key = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    place.write("key.pem", &format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"));
    for _ in 0..2 {
        Server::start(&place, &["--listen", "127.0.0.1:0"]);
    }
}

#[test]
fn a_secret_that_is_mounted_for_all_is_refused_with_advice_for_mounts() {
    for (key, file, text) in [
        ("PORTCULLIS_SECRET_FILE", "mounted", "0123456789012345678901234567890123456789"),
        ("PORTCULLIS_SECONDARY_SECRET_FILE", "mounted", "0123456789012345678901234567890123456789"),
        ("PORTCULLIS_DATABASE__URL_FILE", "mounted", "sqlite:data/a.db"),
        ("PORTCULLIS_TOKENS__SIGNING_KEY_FILE", "mounted", "-----BEGIN PRIVATE KEY-----"),
    ] {
        for mode in [0o644, 0o444] {
            let place = Place::new().with("PORTCULLIS_SECRET", "a master secret of 32 bytes or more");
            let place = if key == "PORTCULLIS_SECRET_FILE" { Place::new() } else { place }.with(key, file);
            place.write(file, text);
            place.permit(file, mode);
            let error = place.run("--listen 127.0.0.1:0").failed();
            for part in ["defaultMode: 0400", "Kubernetes", "Swarm", "chmod 600 mounted"] {
                assert!(error.contains(part), "{key} {mode:o}: {error}");
            }
            place.permit(file, 0o440);
            let answer = place.run("doctor");
            assert!(!answer.out.contains("defaultMode"), "{key}: {answer:?}");
        }
    }
}
