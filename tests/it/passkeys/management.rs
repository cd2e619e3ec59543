use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use super::{Authenticator, PASSKEY, add, log_in, names, with_passkey};
use crate::support::{AUTH, Client, PASSWORD, TestApp};

const DELETED: &str = "deletedId errors { code field message }";

/// The ids of the passkeys of an account, the newest first.
async fn ids(client: &Client) -> Vec<Value> {
    let answer = client.ask("{ me { passkeys { nodes { id } } } }").await;
    let nodes = answer.assert_done().at("/me/passkeys/nodes").as_array().expect("a list").clone();
    nodes.into_iter().map(|node| node["id"].clone()).collect()
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let db = app.app.database.reader();
    let sql = format!("SELECT COUNT(*) AS count FROM {table}");
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.expect("the database answers").expect("a row").try_get("", "count").expect("a number")
}

#[tokio::test]
async fn a_passkey_is_renamed_and_deleted() {
    let app = TestApp::start().await;
    let (ada, mut first) = with_passkey(&app, "ada").await;
    let mut second = Authenticator::eddsa();
    add(&ada, &mut second).await.assert_done();
    let ids = ids(&ada).await;
    let renamed = ada.mutate("renamePasskey", json!({ "id": ids[0], "name": " Key " }), PASSKEY).await;
    assert_eq!(renamed.assert_done().at("/it/passkey/name"), "Key");
    assert_eq!(renamed.at("/it/passkey/id"), &ids[0]);
    assert_eq!(names(&ada).await, ["Key", "Passkey"]);
    for name in ["", " ", "a\nb", &"a".repeat(65)] {
        let input = json!({ "id": ids[0], "name": name });
        ada.mutate("renamePasskey", input, PASSKEY).await.assert_failed("BAD_USER_INPUT");
    }

    let (signed_in, answer) = log_in(&app, &mut second).await;
    answer.assert_done();
    let deleted = ada.mutate("deletePasskey", json!({ "id": ids[0] }), DELETED).await;
    assert_eq!(deleted.assert_done().at("/it/deletedId"), &ids[0]);
    log_in(&app, &mut second).await.1.assert_refused("PASSKEY_REJECTED");
    log_in(&app, &mut first).await.1.assert_done();
    signed_in.me().await.assert_done();
    ada.mutate("deletePasskey", json!({ "id": ids[0] }), DELETED).await.assert_refused("NOT_FOUND");
    let rename = json!({ "id": ids[0], "name": "Key" });
    ada.mutate("renamePasskey", rename, PASSKEY).await.assert_refused("NOT_FOUND");
}

#[tokio::test]
async fn nobody_else_sees_or_changes_a_passkey() {
    let app = TestApp::start().await;
    let (root, (ada, mut authenticator)) = (app.admin().await, with_passkey(&app, "ada").await);
    let eve = app.signed_in("eve").await;
    let id = ids(&ada).await.remove(0);
    let query = "query($id: ID!) { node(id: $id) { id ... on Passkey { name } } }";
    let own = ada.ask_with(query, json!({ "id": id })).await;
    assert_eq!(own.assert_done().at("/node"), &json!({ "id": id, "name": "Passkey" }));
    for other in [&root, &eve, &app.anonymous()] {
        let node = other.ask_with(query, json!({ "id": id })).await;
        assert_eq!(node.assert_done().at("/node"), &Value::Null);
    }
    let list = root.ask(r#"{ user(username: "ada") { passkeys { totalCount } } }"#).await;
    assert_eq!(list.assert_done().at("/user/passkeys"), &Value::Null);
    for other in [&root, &eve] {
        other.mutate("deletePasskey", json!({ "id": id }), DELETED).await.assert_refused("NOT_FOUND");
        let rename = json!({ "id": id, "name": "mine" });
        other.mutate("renamePasskey", rename, PASSKEY).await.assert_refused("NOT_FOUND");
    }
    assert_eq!(names(&ada).await, ["Passkey"]);
    log_in(&app, &mut authenticator).await.1.assert_done();
}

#[tokio::test]
async fn a_deletion_needs_a_recent_login() {
    let app = TestApp::start().await;
    let (mut ada, mut authenticator) = with_passkey(&app, "ada").await;
    let id = ids(&ada).await.remove(0);
    app.wait(Duration::from_secs(301));
    ada.refresh().await.assert_done();
    let late = ada.mutate("deletePasskey", json!({ "id": id }), DELETED).await;
    assert_eq!(late.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION");
    let (again, answer) = log_in(&app, &mut authenticator).await;
    answer.assert_done();
    again.mutate("deletePasskey", json!({ "id": id }), DELETED).await.assert_done();
}

#[tokio::test]
async fn the_only_way_to_sign_in_cannot_be_deleted() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    add(&ada, &mut Authenticator::eddsa()).await.assert_done();
    let sql = "UPDATE users SET password_hash = '' WHERE username = 'ada'";
    app.app.database.writer().execute_unprepared(sql).await.expect("the row is there");
    let ids = ids(&ada).await;
    ada.mutate("deletePasskey", json!({ "id": ids[0] }), DELETED).await.assert_done();
    let last = ada.mutate("deletePasskey", json!({ "id": ids[1] }), DELETED).await;
    last.assert_refused("LAST_LOGIN_METHOD");
    assert_eq!(last.at("/it/deletedId"), &Value::Null);
    log_in(&app, &mut authenticator).await.1.assert_done();
    // A link by e-mail is another way.
    let sql = "UPDATE users SET email = 'ada@example.com', email_key = 'ada@example.com', email_verified = TRUE \
               WHERE username = 'ada'";
    app.app.database.writer().execute_unprepared(sql).await.expect("the row is there");
    ada.mutate("deletePasskey", json!({ "id": ids[1] }), DELETED).await.assert_done();
}

#[tokio::test]
async fn a_passkey_is_recorded_exported_and_deleted_with_its_account() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    log_in(&app, &mut authenticator).await.1.assert_done();
    log_in(&app, &mut Authenticator::es256()).await.1.assert_refused("PASSKEY_REJECTED");
    let export = ada.ask("{ exportAccount { data } }").await;
    let passkeys = export.assert_done().at("/exportAccount/data/passkeys");
    assert_eq!((&passkeys[0]["name"], passkeys[0]["id"].is_string()), (&json!("Passkey"), true));
    assert_eq!(passkeys.as_array().map(Vec::len), Some(1));
    add(&ada, &mut Authenticator::eddsa()).await.assert_done();
    let newest = ids(&ada).await.remove(0);
    ada.mutate("deletePasskey", json!({ "id": newest }), DELETED).await.assert_done();
    let query = "{ auditEvents(first: 20) { nodes { action user { username } } } }";
    let events = root.ask(query).await;
    let events = events.assert_done().at("/auditEvents/nodes").as_array().expect("a list").clone();
    let count_of = |action: &str| events.iter().filter(|event| event["action"] == action).count();
    assert_eq!((count_of("PASSKEY_ADDED"), count_of("PASSKEY_REMOVED"), count_of("LOGIN_FAILED")), (2, 1, 1));

    assert_eq!(count(&app, "passkeys").await, 1);
    ada.mutate("deleteAccount", json!({ "password": PASSWORD }), DELETED).await.assert_done();
    assert_eq!(count(&app, "passkeys").await, 0);
    log_in(&app, &mut authenticator).await.1.assert_refused("PASSKEY_REJECTED");
}

#[tokio::test]
async fn an_anonymous_request_for_a_challenge_writes_nothing() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        super::start_login(&app.anonymous()).await;
    }
    assert_eq!(count(&app, "used_challenges").await, 0);
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    log_in(&app, &mut authenticator).await.1.assert_done();
    assert_eq!(count(&app, "used_challenges").await, 2);
    app.wait(Duration::from_mins(10));
    app.app.passkeys.sweep(100).await.expect("the database answers");
    assert_eq!(count(&app, "used_challenges").await, 0);
}

#[tokio::test]
async fn the_passkey_of_an_intruder_ends_when_the_owner_of_the_address_takes_the_account() {
    let app = TestApp::start().await;
    let mut intruder = app.anonymous();
    let input = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    let registered = intruder.mutate("register", input, AUTH).await;
    intruder.keep(registered).assert_done();
    let mut authenticator = Authenticator::es256();
    add(&intruder, &mut authenticator).await.assert_done();
    let request = json!({ "email": "ada@example.com" });
    app.anonymous().mutate("requestPasswordReset", request, "errors { code }").await.assert_done();
    let proof = json!({ "token": app.newest_message("ada@example.com").await.token });
    let reset = json!({ "proof": proof, "newPassword": "quiet violet lantern orbit" });
    let mut owner = app.anonymous();
    let recovered = owner.mutate("resetPassword", reset, AUTH).await;
    owner.keep(recovered).assert_done();
    log_in(&app, &mut authenticator).await.1.assert_refused("PASSKEY_REJECTED");
    assert!(names(&owner).await.is_empty());
}

#[tokio::test]
async fn the_related_origins_are_those_of_the_configuration() {
    let app = TestApp::with(|config| {
        config.passkeys.rp_id = Some("example.com".to_owned());
        config.passkeys.origins = vec![
            "https://app.example.com".to_owned(),
            "https://example.org".to_owned(),
            format!("android:apk-key-hash:{}", "a".repeat(43)),
        ];
    })
    .await;
    let document = app.request("GET", "/.well-known/webauthn", &[("host", "id.example.com")]).await;
    assert_eq!(document.header("content-type"), "application/json");
    let origins = json!({ "origins": ["https://app.example.com", "https://example.org"] });
    assert_eq!((document.status, document.body), (200, origins));
    let (ada, mut authenticator) = (app.signed_in("ada").await, Authenticator::es256());
    authenticator.rp_id = "example.com".to_owned();
    add(&ada, &mut authenticator).await.assert_refused("PASSKEY_REJECTED");
    for origin in ["https://app.example.com", "https://example.org"] {
        authenticator.origin = origin.to_owned();
        authenticator.credential_id[0] ^= 1;
        add(&ada, &mut authenticator).await.assert_done();
        log_in(&app, &mut authenticator).await.1.assert_done();
    }
}

#[tokio::test]
async fn a_server_can_offer_no_passkeys() {
    let app = TestApp::with(|config| config.passkeys.enabled = false).await;
    let ada = app.signed_in("ada").await;
    for mutation in ["startPasskey", "startPasskeyLogin"] {
        let answer = ada.ask(&format!("mutation {{ it: {mutation} {{ challenge }} }}")).await;
        answer.assert_failed("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn failed_sign_ins_from_one_address_are_limited() {
    let app = TestApp::with(|config| {
        config.limits = portcullis::config::LimitsConfig::default();
        config.limits.address.free_attempts = 3;
    })
    .await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    for _ in 0..5 {
        log_in(&app, &mut authenticator).await.1.assert_done();
    }
    for code in ["PASSKEY_REJECTED", "PASSKEY_REJECTED", "PASSKEY_REJECTED", "RATE_LIMITED"] {
        log_in(&app, &mut Authenticator::es256()).await.1.assert_refused(code);
    }
}
