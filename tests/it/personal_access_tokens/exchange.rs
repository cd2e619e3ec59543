//! The exchange of a token for a short-lived access token.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ask_for, assert_session_required, create, revoke};
use crate::support::{Answer, Client, TestApp, decode};

const EXCHANGED: &str =
    "accessToken refreshToken expiresIn user { id } session { id } challenge { token } errors { code field }";

async fn exchange(app: &TestApp, token: &str) -> Answer {
    app.anonymous().mutate("exchangePersonalAccessToken", json!({ "token": token }), EXCHANGED).await
}

/// A client with the access token.
fn bearing(app: &TestApp, answer: &Answer) -> Client {
    app.anonymous().bearing(answer.assert_done().at("/it/accessToken").as_str().expect("a token"))
}

#[tokio::test]
async fn the_access_token_has_the_scopes_no_session_and_five_minutes() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let pat = create(&app, &root, &["users:read"]).await;
    let answer = exchange(&app, &pat.token).await;
    let payload = answer.assert_done().at("/it");
    assert_eq!((&payload["refreshToken"], &payload["session"]), (&Value::Null, &Value::Null));
    assert_eq!((&payload["expiresIn"], &payload["user"]["id"]), (&json!(300), &json!(root.user_id)));

    let claims = decode(payload["accessToken"].as_str().expect("a token")).1;
    assert_eq!((&claims["scope"], &claims["roles"]), (&json!("users:read"), &json!([])));
    assert_eq!((&claims["pat"], &claims["sub"]), (&json!(pat.id), &json!(root.user_id)));
    assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|iat| iat + 300));
    for absent in ["sid", "auth_time", "acr", "amr", "status"] {
        assert!(claims.get(absent).is_none(), "{absent}: {claims}");
    }

    let client = bearing(&app, &answer);
    client.ask("{ users { totalCount } }").await.assert_done();
    assert_session_required(&client.ask("{ session { id } }").await, "session");
    assert_session_required(&ask_for(&app, &client, &[], Duration::from_hours(1)).await, "another token");
    app.wait(Duration::from_secs(301));
    client.me().await.assert_unauthenticated("TOKEN_EXPIRED");
    pat.client.me().await.assert_done();
}

#[tokio::test]
async fn the_access_token_dies_with_the_personal_access_token() {
    let [app, other] = TestApp::two().await;
    let ada = app.signed_in("ada").await;
    let pat = create(&app, &ada, &[]).await;
    let client = bearing(&app, &exchange(&app, &pat.token).await).at(other.url("/graphql"));
    client.me().await.assert_done();
    revoke(&ada, &pat.id).await.assert_done();
    crate::support::eventually(async || client.me().await.body.get("errors").is_some()).await;
    client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    exchange(&app, &pat.token).await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn the_access_token_lives_no_longer_than_the_personal_access_token() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let answer = ask_for(&app, &ada, &[], Duration::from_secs(90)).await;
    let token = answer.at("/it/token").as_str().expect("a token").to_owned();
    let expires_in =
        exchange(&app, &token).await.assert_done().at("/it/expiresIn").as_i64().expect("seconds");
    assert!((1..=90).contains(&expires_in), "{expires_in}");
    app.wait(Duration::from_secs(90));
    exchange(&app, &token).await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn nothing_else_is_exchanged() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for token in ["", "ppat_", "x", ada.token.as_deref().expect("a token"), ada.kept(), &"a".repeat(10_000)] {
        let answer = exchange(&app, token).await;
        answer.assert_refused("INVALID_CREDENTIALS");
        assert_eq!(answer.at("/it/errors/0/field"), &json!(["input", "token"]));
    }
}
