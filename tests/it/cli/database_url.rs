//! The forms of `database.url` that the program accepts. The parser's own tests have a table of all.

use super::place::{PASSWORD, Place};

#[test]
fn a_database_is_made_where_its_url_says() {
    for (start, end) in [
        ("sqlite:here", ""),
        ("sqlite://here", ""),
        ("sqlite://here", "?mode=rwc"),
        ("sqlite:PLACE/here", ""),
        ("sqlite://PLACE/here", "?mode=rwc&cache=shared"),
        ("sqlite:///PLACE/here", ""),
    ] {
        let place = Place::new();
        let url = start.replace("PLACE", &place.path("").display().to_string());
        let place = place.with("DATABASE_URL", format!("{url}/p%20.db{end}"));
        place.run_with("users create ada", PASSWORD).done();
        assert!(place.path("here/p .db").exists(), "{start}{end}");
    }
}

#[test]
fn a_url_that_must_not_make_a_file_makes_none() {
    let place = Place::new().with("DATABASE_URL", "sqlite://p.db?mode=rw");
    let error = place.run("--listen 127.0.0.1:0").failed();
    assert!(error.contains("there is no database p.db") && !error.contains("running"), "{error}");
    assert!(!place.path("p.db").exists());
    let place = place.with("DATABASE_URL", "sqlite://p.db?mode=rwc");
    place.run("migrate up").done();
    let place = place.with("DATABASE_URL", "sqlite://p.db?mode=rw");
    place.run("migrate status").done();
}

#[test]
fn an_unknown_parameter_of_a_url_is_named_and_its_value_is_not() {
    for (url, name) in [
        ("postgres://127.0.0.1:1/p?sslpassword=geheim", "sslpassword"),
        ("postgresql://127.0.0.1:1/p?passfile=geheim", "passfile"),
        ("sqlite://p.db?key=geheim", "key"),
    ] {
        for line in ["--listen 127.0.0.1:0", "config", "doctor", "users list"] {
            let place = Place::new().with("DATABASE_URL", url).with("PORTCULLIS_LOG__FILTER", "trace");
            let answer = place.run(line);
            let said = answer.out + &answer.err;
            assert_eq!(answer.code, Some(1), "{line}: {said}");
            assert!(said.contains(&format!("unknown parameter {name}")), "{line}: {said}");
            assert!(!said.contains("geheim"), "{line}: {said}");
        }
    }
}
