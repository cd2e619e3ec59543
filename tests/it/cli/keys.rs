use std::fs;

use serde_json::{Value, json};

use super::{
    place::{PASSWORD, Place},
    server::{Server, is_refused_soon},
};

/// The names of the keys in a state.
fn keys(place: &Place, state: &str) -> Vec<String> {
    let keys = place.run("keys list --json").json();
    let keys = keys.as_array().expect("a list").iter().filter(|key| key["state"] == state);
    keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

#[test]
fn keys_are_listed_without_what_is_secret() {
    for place in Place::on_each_database() {
        place.run_with("users create ada", PASSWORD).done();
        let keys = place.run("keys list --json").json();
        let fields: Vec<&String> = keys[0].as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["algorithm", "createdAt", "kid", "since", "state", "until"]);
        assert_eq!((&keys[0]["algorithm"], &keys[0]["state"]), (&json!("EdDSA"), &json!("active")));
        assert!(place.run("keys list").done().contains(keys[0]["kid"].as_str().expect("a kid")));
    }
}

#[test]
fn a_running_server_hears_of_every_change_of_the_keys() {
    for place in Place::on_each_database() {
        place.run_with("users create ada", PASSWORD).done();
        let server = Server::start(&place, &["--listen", "127.0.0.1:0"]);
        let me = |token: &str| server.ask("{ me { username } }", &Value::Null, Some(token));
        let token = server.login("ada");
        assert_eq!(me(&token)["data"]["me"]["username"], "ada");

        let rotated = place.run("keys rotate --alg es256").done();
        let next = keys(&place, "next").remove(0);
        assert!(
            rotated.starts_with(&format!("{next} (ES256) is published, and becomes active at ")),
            "{rotated}"
        );
        let refused = place.run("keys rotate").failed();
        assert!(refused.contains("keys rotate --now"), "{refused}");
        let active = keys(&place, "active").remove(0);
        let refused = place.run(&format!("keys revoke {active}")).failed();
        assert!(refused.contains("pass --yes to confirm"), "{refused}");
        assert_eq!(me(&token)["data"]["me"]["username"], "ada");

        place.run(&format!("keys revoke {active} --yes")).done();
        is_refused_soon(|| me(&token));
        assert_eq!(me(&token)["errors"][0]["extensions"]["reason"], "TOKEN_REVOKED");
        assert_eq!(me(&server.login("ada"))["data"]["me"]["username"], "ada", "the next key signs");
        assert_eq!(keys(&place, "active"), [next]);
        assert_eq!(keys(&place, "revoked"), [active]);
    }
}

#[test]
fn a_key_is_dropped_before_its_turn_and_handed_over_after() {
    let place = Place::new();
    place.run("migrate up").done();
    place.run_with("users create ada", PASSWORD).done();
    let first = keys(&place, "active").remove(0);
    place.run("keys rotate").done();
    let next = keys(&place, "next").remove(0);
    place.run(&format!("keys retire {next}")).done();
    assert!(keys(&place, "next").is_empty());
    let retired = place.run(&format!("keys retire {first}")).done();
    assert_eq!(retired, format!("retired {first}; its tokens remain valid until they expire\n"));
    assert_eq!(keys(&place, "next").len(), 1);
    let unknown = place.run("keys retire -none").failed();
    assert!(unknown.contains("there is no signing key -none; `portcullis keys list` shows"), "{unknown}");
}

#[test]
fn a_shared_secret_is_brought_in_a_file_that_others_cannot_read() {
    let place = Place::new();
    place.run_with("users create ada", PASSWORD).done();
    place.write("shared", "a secret that a resource server shares with us\n");
    place.permit("shared", 0o644);
    let refused = place.run("keys import shared --secret").failed();
    assert!(refused.contains("chmod 600"), "{refused}");
    place.permit("shared", 0o600);
    let refused = place.run("keys import shared").failed();
    assert!(refused.contains("must contain a private key in PEM"), "{refused}");
    let imported = place.run("keys import shared --secret --now").done();
    assert!(
        imported.contains(" (HS256) is accepted but not published, and becomes active at "),
        "{imported}"
    );
}

#[test]
fn a_key_that_is_dropped_for_another_in_a_hurry_is_told() {
    let place = Place::new();
    place.run_with("users create ada", PASSWORD).done();
    place.run("keys rotate").done();
    let waiting = keys(&place, "next").remove(0);
    let rotated = place.run("keys rotate --now --alg es256").done();
    assert!(rotated.starts_with(&format!("discarded {waiting}, which was pending\n")), "{rotated}");
    assert!(!place.run("keys list").done().contains(&waiting));
}

#[test]
fn keys_are_sealed_anew_after_the_master_secret_has_changed() {
    for place in Place::on_each_database() {
        place.run_with("users create ada", PASSWORD).done();
        assert_eq!(place.run("keys rewrap").done(), "re-encrypted 0 keys\n");
        let old = fs::read_to_string(place.path("data/secret")).expect("the server has made it");
        let place = place
            .with("PORTCULLIS_SECRET", "another master secret of 32 bytes or more")
            .with("PORTCULLIS_SECONDARY_SECRET", old.trim());
        assert_eq!(place.run("keys rewrap").done(), "re-encrypted 1 key\n");
        let place = place.with("PORTCULLIS_SECONDARY_SECRET", "");
        assert_eq!(keys(&place, "active").len(), 1);
    }
}
