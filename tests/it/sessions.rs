//! Sessions: how they end, and what they show of their last use.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Client, PASSWORD, TestApp};

const INVALID: &str = "INVALID_REFRESH_TOKEN";
const LOGOUT: &str = "mutation { it: logout { errors { code } } }";

/// Ada on three devices.
async fn three_devices(app: &TestApp) -> [Client; 3] {
    let first = app.signed_in("ada").await;
    let (mut second, mut third) = (app.anonymous(), app.anonymous());
    second.log_in("ada", PASSWORD).await.assert_done();
    third.log_in("ada", PASSWORD).await.assert_done();
    [first, second, third]
}

async fn assert_over(client: &Client) {
    client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    client.refresh_with(client.kept()).await.assert_refused(INVALID);
}

async fn assert_lives(client: &mut Client) {
    client.me().await.assert_done();
    client.refresh().await.assert_done();
}

async fn log_out_with(client: &Client, refresh_token: &str) -> Answer {
    client.mutate("logout", json!({ "refreshToken": refresh_token }), "errors { code }").await
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let app = TestApp::start().await;
    let [first, mut second, _] = three_devices(&app).await;
    first.ask(LOGOUT).await.assert_done();
    assert_over(&first).await;
    assert_lives(&mut second).await;
}

#[tokio::test]
async fn signing_out_works_with_the_refresh_token_when_the_access_token_has_expired() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    app.wait(Duration::from_hours(2));
    ada.me().await.assert_unauthenticated("TOKEN_EXPIRED");
    log_out_with(&ada, ada.kept()).await.assert_done();
    ada.refresh_with(ada.kept()).await.assert_refused(INVALID);
}

#[tokio::test]
async fn signing_out_twice_is_no_error() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    for _ in 0..2 {
        ada.ask(LOGOUT).await.assert_done();
    }
    log_out_with(&ada, ada.kept()).await.assert_done();
    assert_over(&ada).await;
    let query = "{ it: auditEvents(filter: { actions: [LOGOUT] }) { nodes { user { id } } } }";
    let events = app.admin().await.ask(query).await;
    assert_eq!(events.at("/it/nodes"), &json!([{ "user": { "id": ada.user_id } }]));
}

#[tokio::test]
async fn signing_out_with_garbage_changes_nothing() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let stranger = app.anonymous().bearing("garbage");
    log_out_with(&stranger, "garbage").await.assert_refused(INVALID);
    log_out_with(&stranger, &ada.kept().replace("prt_", "prt-")).await.assert_refused(INVALID);
    stranger.ask(LOGOUT).await.assert_refused(INVALID);
    assert_lives(&mut ada).await;
}

#[tokio::test]
async fn signing_out_works_with_an_access_token_that_has_expired() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    app.wait(Duration::from_hours(2));
    ada.ask(LOGOUT).await.assert_done();
    ada.refresh_with(ada.kept()).await.assert_refused(INVALID);
}

#[tokio::test]
async fn a_revoked_session_is_over_at_once() {
    let app = TestApp::start().await;
    let [mut first, second, mut third] = three_devices(&app).await;
    let revoke = json!({ "id": second.session_id });
    let revoked = first.mutate("revokeSession", revoke.clone(), "session { id } errors { code }").await;
    assert_eq!(revoked.assert_done().at("/it/session/id"), &*second.session_id);
    assert_over(&second).await;
    assert_lives(&mut first).await;
    assert_lives(&mut third).await;
    first.mutate("revokeSession", revoke, "errors { code }").await.assert_refused("NOT_FOUND");
}

#[tokio::test]
async fn nobody_revokes_the_session_of_somebody_else() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let grace = app.signed_in("grace").await;
    let revoke = json!({ "id": ada.session_id });
    grace.mutate("revokeSession", revoke, "errors { code }").await.assert_refused("NOT_FOUND");
    assert_lives(&mut ada).await;
}

#[tokio::test]
async fn an_administrator_revokes_anybodys_session() {
    let app = TestApp::start().await;
    let [first, second, _] = three_devices(&app).await;
    let root = app.admin().await;
    root.mutate("revokeSession", json!({ "id": first.session_id }), "errors { code }").await.assert_done();
    assert_over(&first).await;
    let all = json!({ "userId": first.user_id });
    let revoked = root.mutate("revokeUserSessions", all, "revokedCount errors { code }").await;
    assert_eq!(revoked.at("/it/revokedCount"), 2);
    assert_over(&second).await;
}

#[tokio::test]
async fn revoking_the_other_sessions_leaves_ones_own() {
    let app = TestApp::start().await;
    let [mut first, second, third] = three_devices(&app).await;
    let revoked = first.ask("mutation { it: revokeOtherSessions { revokedCount errors { code } } }").await;
    assert_eq!(revoked.assert_done().at("/it/revokedCount"), 2);
    assert_over(&second).await;
    assert_over(&third).await;
    assert_lives(&mut first).await;
}

#[tokio::test]
async fn a_session_tells_the_device_and_the_address_of_its_last_use() {
    let app = TestApp::start().await;
    let mut ada = app.anonymous().behind("203.0.113.7").header("user-agent", "Lynx/2.9");
    ada.register("ada", PASSWORD).await.assert_done();
    let session = "{ session { userAgent ipAddress current } }";
    let told = ada.ask(session).await;
    let expected = json!({ "userAgent": "Lynx/2.9", "ipAddress": "203.0.113.7", "current": true });
    assert_eq!(told.at("/session"), &expected);

    let mut moved = app.anonymous().behind("2001:db8::1").header("user-agent", "Lynx/3.0");
    moved.refresh_token.clone_from(&ada.refresh_token);
    moved.refresh().await.assert_done();
    let told = moved.ask(session).await;
    let expected = json!({ "userAgent": "Lynx/3.0", "ipAddress": "2001:db8::1", "current": true });
    assert_eq!(told.at("/session"), &expected);
}

#[tokio::test]
async fn the_address_is_not_taken_from_a_header_that_no_trusted_proxy_wrote() {
    let app = TestApp::with(|config| config.http.trusted_proxies.clear()).await;
    let mut ada = app.anonymous().behind("203.0.113.7");
    ada.register("ada", PASSWORD).await.assert_done();
    let told = ada.ask("{ session { ipAddress } }").await;
    assert_eq!(told.at("/session/ipAddress"), "127.0.0.1");
}

#[tokio::test]
async fn a_client_cannot_put_words_in_the_mouth_of_the_proxy() {
    let app = TestApp::start().await;
    let mut ada = app.anonymous().behind("192.0.2.66, 203.0.113.7");
    ada.register("ada", PASSWORD).await.assert_done();
    let told = ada.ask("{ session { ipAddress } }").await;
    assert_eq!(told.at("/session/ipAddress"), "203.0.113.7");
}
