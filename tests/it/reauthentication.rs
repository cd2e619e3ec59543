//! Step-up authentication: a user proves again who they are, and the tokens of the session say so.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, decode};

const EXPORT: &str = "{ exportAccount { createdAt } }";

fn claims(client: &Client) -> Value {
    decode(client.token.as_deref().expect("a token")).1
}

async fn reauthenticate(client: &mut Client, password: &str) -> Answer {
    let input = json!({ "proof": { "password": password } });
    let answer = client.mutate("reauthenticate", input, AUTH).await;
    client.keep(answer)
}

fn assert_too_old(answer: &Answer, max_age: u64) {
    let error = answer.error();
    assert_eq!(error["code"], "UNAUTHENTICATED", "{error}");
    assert_eq!(error["reason"], "INSUFFICIENT_USER_AUTHENTICATION", "{error}");
    assert_eq!(error["maxAge"], max_age, "{error}");
}

async fn session(client: &Client) -> Value {
    let answer = client.ask("{ session { id createdAt authenticatedAt acr methods } }").await;
    answer.assert_done().at("/session").clone()
}

#[tokio::test]
async fn a_password_renews_the_login_of_the_session() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let (first, before) = (claims(&ada), session(&ada).await);
    assert_eq!((&first["acr"], &first["amr"]), (&json!("aal1"), &json!(["pwd"])));
    assert_eq!((&before["acr"], &before["methods"]), (&json!("aal1"), &json!(["PASSWORD"])));
    assert_eq!(before["authenticatedAt"], before["createdAt"]);
    ada.ask(EXPORT).await.assert_done();

    app.wait(Duration::from_secs(301));
    ada.refresh().await.assert_done();
    assert_eq!(claims(&ada)["auth_time"], first["auth_time"], "a refresh is no login");
    assert_too_old(&ada.ask(EXPORT).await, 300);

    let (old_refresh_token, old_session) = (ada.kept().to_owned(), ada.session_id.clone());
    reauthenticate(&mut ada, PASSWORD).await.assert_done();
    assert_eq!(ada.session_id, old_session);
    ada.ask(EXPORT).await.assert_done();
    let (renewed, after) = (claims(&ada), session(&ada).await);
    assert!(renewed["auth_time"].as_i64() > first["auth_time"].as_i64());
    assert_eq!(renewed["sid"], first["sid"]);
    assert_eq!((&renewed["acr"], &renewed["amr"]), (&json!("aal1"), &json!(["pwd"])));
    assert_ne!(after["authenticatedAt"], after["createdAt"]);

    // The session has new tokens. The previous refresh token neither works nor ends the session.
    ada.refresh_with(&old_refresh_token).await.assert_refused("INVALID_REFRESH_TOKEN");
    ada.refresh().await.assert_done();
    assert_eq!(claims(&ada)["auth_time"], renewed["auth_time"]);
}

#[tokio::test]
async fn only_the_password_of_the_own_account_renews_a_login() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let mut grace = app.anonymous();
    grace.register("grace", OTHER_PASSWORD).await.assert_done();
    app.wait(Duration::from_secs(301));
    for password in ["", "wrong password", OTHER_PASSWORD] {
        let answer = reauthenticate(&mut ada, password).await;
        answer.assert_refused("INVALID_CREDENTIALS");
        assert_eq!(answer.at("/it/errors/0/field"), &json!(["input", "proof"]));
        assert_eq!(answer.at("/it/accessToken"), &Value::Null);
    }
    assert_too_old(&ada.ask(EXPORT).await, 300);
    ada.refresh().await.assert_done();

    let input = json!({ "proof": { "password": PASSWORD } });
    app.anonymous().mutate("reauthenticate", input, AUTH).await.assert_unauthenticated("TOKEN_MISSING");
    let nothing = ada.mutate("reauthenticate", json!({ "proof": {} }), AUTH).await;
    assert_eq!(nothing.code(), "BAD_USER_INPUT");
    let twice = "mutation($input: ReauthenticateInput!) { a: reauthenticate(input: $input) { errors { code } } \
                 b: reauthenticate(input: $input) { errors { code } } }";
    let input = json!({ "input": { "proof": { "password": PASSWORD } } });
    assert_eq!(ada.ask_with(twice, input).await.code(), "OPERATION_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn guesses_by_reauthentication_count_like_those_by_login() {
    let app = TestApp::with(|config| config.limits = portcullis::config::LimitsConfig::default()).await;
    let mut ada = app.signed_in("ada").await;
    let mut codes = Vec::new();
    for _ in 0..20 {
        let answer = reauthenticate(&mut ada, "a guess").await;
        codes.push(answer.at("/it/errors/0/code").as_str().expect("a code").to_owned());
    }
    assert!(codes.contains(&"RATE_LIMITED".to_owned()), "{codes:?}");
    reauthenticate(&mut ada, PASSWORD).await.assert_refused("RATE_LIMITED");
}

#[tokio::test]
async fn an_ended_session_cannot_be_continued() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let stolen = ada.clone();
    ada.log_in("ada", PASSWORD).await.assert_done();
    ada.mutate("revokeSession", json!({ "id": stolen.session_id }), "errors { code }").await.assert_done();
    let input = json!({ "proof": { "password": PASSWORD } });
    stolen.mutate("reauthenticate", input, AUTH).await.assert_unauthenticated("TOKEN_REVOKED");
}

#[tokio::test]
async fn a_new_address_needs_a_recent_login() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let change = json!({ "email": "ada@example.org" });
    app.wait(Duration::from_secs(15 * 60 + 1));
    ada.refresh().await.assert_done();
    for change in
        [&change, &json!({ "email": null }), &json!({ "displayName": "Ada", "email": "a@b.example" })]
    {
        assert_too_old(&ada.mutate("updateProfile", change.clone(), "errors { code }").await, 900);
    }
    assert_eq!(
        ada.ask("{ me { email displayName } }").await.at("/me"),
        &json!({ "email": null, "displayName": null })
    );
    ada.mutate("updateProfile", json!({ "displayName": "Ada" }), "errors { code }").await.assert_done();
    reauthenticate(&mut ada, PASSWORD).await.assert_done();
    ada.mutate("updateProfile", change.clone(), "errors { code }").await.assert_done();
    assert_eq!(ada.ask("{ me { email } }").await.at("/me/email"), "ada@example.org");

    let app = TestApp::with(|config| config.accounts.step_up_after = Duration::ZERO).await;
    let mut grace = app.signed_in("grace").await;
    app.wait(Duration::from_hours(24));
    grace.refresh().await.assert_done();
    grace.mutate("updateProfile", change, "errors { code }").await.assert_done();
}

#[tokio::test]
async fn a_change_of_the_password_is_a_proof_as_well() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    app.wait(Duration::from_secs(301));
    ada.refresh().await.assert_done();
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", change, AUTH).await;
    ada.keep(changed).assert_done();
    ada.ask(EXPORT).await.assert_done();
}

#[tokio::test]
async fn the_new_refresh_token_is_delivered_as_the_client_wishes() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let input = json!({ "proof": { "password": PASSWORD }, "delivery": "COOKIE" });
    let answer = ada.mutate("reauthenticate", input, AUTH).await;
    assert_eq!(answer.assert_done().at("/it/refreshToken"), &Value::Null);
    let (name, token, _) = answer.cookie().expect("a cookie");
    assert!(name.contains("refresh") && token.len() > 20, "{name}");
}

#[tokio::test]
async fn a_session_of_an_earlier_release_goes_on() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let signed_in_at = claims(&ada)["auth_time"].clone();
    let db = app.app.database.writer();
    let sql = "UPDATE sessions SET authenticated_at = NULL, methods = NULL";
    db.execute_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("the rows change");
    app.wait(Duration::from_mins(1));
    ada.refresh().await.assert_done();
    let refreshed = claims(&ada);
    assert_eq!((&refreshed["auth_time"], &refreshed["acr"]), (&signed_in_at, &json!("aal1")));
    assert_eq!(refreshed.get("amr"), None);
    assert_eq!(session(&ada).await["methods"], json!([]));
    reauthenticate(&mut ada, PASSWORD).await.assert_done();
    assert_eq!(session(&ada).await["methods"], json!(["PASSWORD"]));
}
