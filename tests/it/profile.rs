//! The profile of an account: its names and its e-mail address.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis::config::MailTransport;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{AUTH, PASSWORD, TestApp, USER};

/// Fields that only the user of the account may see.
const INSIDE: &str = "accessToken refreshToken errors { code } \
    user { username email sessions { totalCount nodes { id current } } } \
    session { id current user { email } }";

#[tokio::test]
async fn a_profile_changes_in_what_is_given_and_is_cleared_by_null() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for (input, name, email) in [
        (json!({ "displayName": "Ada", "email": "Ada@example.com" }), json!("Ada"), json!("Ada@example.com")),
        (json!({}), json!("Ada"), json!("Ada@example.com")),
        (json!({ "displayName": "Lady Ada 😀" }), json!("Lady Ada 😀"), json!("Ada@example.com")),
        (json!({ "displayName": null }), Value::Null, json!("Ada@example.com")),
        (json!({ "displayName": "Ada", "email": null }), json!("Ada"), Value::Null),
        (json!({ "displayName": "  " }), Value::Null, Value::Null),
    ] {
        let updated = ada.mutate("updateProfile", input.clone(), USER).await;
        updated.assert_done();
        let expected = (&name, &email);
        assert_eq!((updated.at("/it/user/displayName"), updated.at("/it/user/email")), expected, "{input}");
        let me = ada.ask("{ me { displayName email } }").await;
        assert_eq!((me.at("/me/displayName"), me.at("/me/email")), expected, "{input}");
    }
}

#[tokio::test]
async fn a_profile_that_stays_as_it_is_was_not_changed() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let rename = async |name: &str| {
        app.wait(Duration::from_secs(1));
        let answer = ada.mutate("updateProfile", json!({ "displayName": name }), "user { updatedAt }").await;
        answer.assert_done().at("/it/user/updatedAt").clone()
    };
    let first = rename("Ada").await;
    assert_eq!(rename("Ada").await, first);
    assert_ne!(rename("Countess").await, first);
}

#[tokio::test]
async fn an_administrator_changes_only_what_is_given() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let user = |name: Value, email: Value, roles: Value| {
        json!({
            "id": ada.user_id, "username": "ada", "displayName": name, "email": email,
            "emailVerified": false, "roles": roles, "disabled": false,
        })
    };
    let email = json!("ada@example.com");
    for (input, expected) in [
        (json!({ "email": email, "displayName": "Ada" }), user(json!("Ada"), email.clone(), json!(["user"]))),
        (json!({}), user(json!("Ada"), email.clone(), json!(["user"]))),
        (
            json!({ "roles": ["user", "admin", "user"] }),
            user(json!("Ada"), email.clone(), json!(["admin", "user"])),
        ),
        (json!({ "displayName": null, "roles": [] }), user(Value::Null, email.clone(), json!([]))),
        (json!({ "roles": null, "disabled": null, "password": null }), user(Value::Null, email, json!([]))),
    ] {
        let mut with_id = input.clone();
        with_id["id"] = json!(ada.user_id);
        let updated = root.mutate("updateUser", with_id, USER).await;
        updated.assert_done();
        assert_eq!(updated.at("/it/user"), &expected, "{input}");
    }
}

#[tokio::test]
async fn a_display_name_is_one_line_of_at_most_64_characters() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    ada.mutate("updateProfile", json!({ "displayName": "ä".repeat(64) }), USER).await.assert_done();
    for name in ["a\nb", "a\0b", &"a".repeat(65), &"a".repeat(10_000)] {
        let updated = ada.mutate("updateProfile", json!({ "displayName": name }), USER).await;
        updated.assert_failed("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn registering_does_not_tell_whose_an_address_is() {
    let app = TestApp::start().await;
    for name in ["ada", "bob"] {
        let input = json!({ "username": name, "password": PASSWORD, "email": "Ada@example.com" });
        let selection = "user { email emailVerified } errors { code }";
        let registered = app.anonymous().mutate("register", input, selection).await;
        registered.assert_done();
        assert_eq!(registered.at("/it/user"), &json!({ "email": "Ada@example.com", "emailVerified": false }));
    }
}

#[tokio::test]
async fn an_address_signs_in_once_it_is_verified() {
    let app = TestApp::start().await;
    for name in ["ada", "bob"] {
        let ada = app.signed_in(name).await;
        ada.mutate("updateProfile", json!({ "email": "Ada@example.com" }), USER).await.assert_done();
    }
    let mut ada = app.anonymous();
    ada.log_in("ada@example.com", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    verify_address_of("ada", &app).await;
    let signed_in = ada.log_in("ADA@example.com", PASSWORD).await;
    assert_eq!(signed_in.assert_done().at("/it/user/username"), "ada");

    let changed = ada.mutate("updateProfile", json!({ "email": "ada@example.org" }), USER).await;
    assert_eq!(changed.at("/it/user/emailVerified"), true, "the new address is pending");
    app.anonymous().log_in("ada@example.com", PASSWORD).await.assert_done();
    app.anonymous().log_in("ada@example.org", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn only_the_exact_address_that_was_verified_stays_verified() {
    // Without messages, no address is pending.
    let app = TestApp::with(|config| config.mail.transport = MailTransport::Off).await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let set = async |mutation: &str, email: Option<&str>| {
        let (client, input) = match mutation {
            "updateUser" => (&root, json!({ "id": ada.user_id, "email": email })),
            _ => (&ada, json!({ "email": email })),
        };
        let answer = client.mutate(mutation, input, USER).await;
        let user = answer.assert_done().at("/it/user").clone();
        assert_eq!(user["email"].as_str(), email.map(str::trim));
        user["emailVerified"].clone()
    };
    for mutation in ["updateProfile", "updateUser"] {
        for (email, is_verified) in [
            (Some("ada@example.com"), true),
            (Some(" ada@example.com "), true),
            (Some("Ada@example.com"), false),
            (Some("ada@Example.com"), false),
            // Full-width letters are equal by NFKC only.
            (Some("ａda@example.com"), false),
            (Some("ada@example.org"), false),
            (None, false),
        ] {
            set(mutation, Some("ada@example.com")).await;
            verify_address_of("ada", &app).await;
            assert_eq!(set(mutation, email).await, is_verified, "{mutation} {email:?}");
        }
    }
}

/// Does what a click on the link in an e-mail will do.
async fn verify_address_of(username: &str, app: &TestApp) {
    let sql = format!("UPDATE users SET email_verified = TRUE WHERE username_key = '{username}'");
    app.app.database.writer().execute_unprepared(&sql).await.expect("a row");
}

#[tokio::test]
async fn of_many_who_register_one_name_at_once_one_gets_it() {
    let app = TestApp::start().await;
    let answers = join_all(["Ada", "ada", "ADA", "Ａｄａ"].repeat(5).into_iter().map(|name| {
        let mut client = app.anonymous();
        async move { client.register(name, PASSWORD).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.codes().is_empty());
    assert_eq!((won.len(), lost.len()), (1, 19));
    won[0].assert_done();
    for answer in lost {
        answer.assert_refused("USERNAME_TAKEN");
    }
}

#[tokio::test]
async fn names_of_all_scripts_sign_in_in_each_of_their_spellings() {
    let app = TestApp::start().await;
    for (name, spelling) in
        [("Ａｄａ", "ada"), ("Åsa", "A\u{30a}SA"), ("Ёлка", "ёлка"), ("織田", "織田"), ("ﾊﾝｶｸ", "ハンカク")]
    {
        app.signed_in(name).await;
        app.anonymous().log_in(spelling, PASSWORD).await.assert_done();
    }
}

#[tokio::test]
async fn a_password_is_the_same_however_it_is_composed() {
    let app = TestApp::start().await;
    let mut ada = app.anonymous();
    ada.register("ada", "Käse über ｆｉｓｈ 😀 lantern").await.assert_done();
    ada.log_in("ada", "Ka\u{308}se u\u{308}ber fish 😀 lantern").await.assert_done();
}

#[tokio::test]
async fn whoever_signs_in_sees_the_payload_as_their_own() {
    let app = TestApp::start().await;
    let bob = app.signed_in("bob").await;
    let register = json!({ "username": "ada", "password": PASSWORD, "email": "ada@example.com" });
    let login = json!({ "username": "ada", "password": PASSWORD });
    let mut refresh_token = Value::Null;
    let mut sessions = 0;
    for (mutation, input) in [("register", register), ("login", login.clone()), ("login", login)] {
        // The bearer of the request is somebody else, nobody, or a token that is none.
        let sender = [bob.clone(), app.anonymous(), app.anonymous().bearing("garbage")][sessions].clone();
        let answer = sender.mutate(mutation, input, INSIDE).await;
        sessions += 1;
        assert_is_own(&answer, sessions);
        refresh_token = answer.at("/it/refreshToken").clone();
    }
    let refreshed = bob.mutate("refresh", json!({ "refreshToken": refresh_token }), INSIDE).await;
    assert_is_own(&refreshed, sessions);
    let me = bob.ask("{ me { username } session { current } }").await;
    assert_eq!(me.at("/me/username"), "bob");
}

#[track_caller]
fn assert_is_own(answer: &crate::support::Answer, sessions: usize) {
    answer.assert_done();
    let payload = answer.at("/it");
    assert_eq!(payload["user"]["username"], "ada");
    assert_eq!(payload["user"]["email"], "ada@example.com");
    assert_eq!(payload["user"]["sessions"]["totalCount"], sessions);
    assert_eq!(payload["session"]["current"], true);
    assert_eq!(payload["session"]["user"]["email"], "ada@example.com");
    let nodes = payload["user"]["sessions"]["nodes"].as_array().expect("a list");
    for node in nodes {
        assert_eq!(node["current"] == true, node["id"] == payload["session"]["id"]);
    }
}

#[tokio::test]
async fn changing_the_password_answers_as_the_account_and_voids_the_old_token() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let before = ada.clone();
    let input = json!({ "currentPassword": PASSWORD, "newPassword": crate::support::OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", input, AUTH).await;
    ada.keep(changed).assert_done();
    let old = before.ask("{ me { id } }").await;
    assert_eq!(old.error()["reason"], "TOKEN_REVOKED");
    ada.ask("{ me { id } session { current } }").await.assert_done();
}
