//! Access tokens after a change of their account.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, TestApp, decode};

const INVALID: &str = "INVALID_REFRESH_TOKEN";

async fn assert_over(client: &Client) {
    client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    client.refresh_with(client.kept()).await.assert_refused(INVALID);
}

/// Changes an account as the administrator.
async fn update(root: &Client, user: &Client, change: Value) {
    let mut input = json!({ "id": user.user_id });
    input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    root.mutate("updateUser", input, "errors { code }").await.assert_done();
}

fn new_password() -> Value {
    json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD })
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_renews_the_tokens_of_ones_own() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let mut elsewhere = app.anonymous();
    elsewhere.log_in("ada", PASSWORD).await.assert_done();
    let before = ada.clone();

    let changed = ada.mutate("changePassword", new_password(), AUTH).await;
    ada.keep(changed).assert_done();
    assert_eq!(ada.session_id, before.session_id);
    ada.me().await.assert_done();
    assert_over(&elsewhere).await;
    assert_over(&before).await;
    ada.refresh().await.assert_done();
    ada.me().await.assert_done();
}

#[tokio::test]
async fn the_refresh_token_from_before_a_new_password_is_worth_nothing_and_does_no_harm() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let before = ada.clone();
    let changed = ada.mutate("changePassword", new_password(), AUTH).await;
    ada.keep(changed).assert_done();
    for _ in 0..2 {
        before.refresh_with(before.kept()).await.assert_refused(INVALID);
        ada.me().await.assert_done();
        app.wait(Duration::from_secs(11));
    }
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    app.wait(Duration::from_secs(11));
    ada.refresh_with(&used).await.assert_refused(INVALID);
    assert_over(&ada).await;
}

#[tokio::test]
async fn a_password_that_was_not_changed_ends_nothing() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let wrong = json!({ "currentPassword": OTHER_PASSWORD, "newPassword": OTHER_PASSWORD });
    ada.mutate("changePassword", wrong, AUTH).await.assert_refused("INVALID_CREDENTIALS");
    ada.me().await.assert_done();
    ada.refresh().await.assert_done();
}

#[tokio::test]
async fn a_disabled_account_is_signed_out_and_stays_out_until_it_is_enabled() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = app.signed_in("ada").await;
    update(&root, &ada, json!({ "disabled": true })).await;
    assert_over(&ada).await;
    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("ACCOUNT_DISABLED");
    app.anonymous().log_in("ada", OTHER_PASSWORD).await.assert_refused("INVALID_CREDENTIALS");

    update(&root, &ada, json!({ "disabled": false })).await;
    assert_over(&ada).await;
    ada.log_in("ada", PASSWORD).await.assert_done();
    ada.me().await.assert_done();
}

#[tokio::test]
async fn other_roles_void_the_access_token_and_come_with_the_next_refresh() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = app.signed_in("ada").await;
    let session = ada.session_id.clone();
    let users = "{ users { totalCount } }";
    ada.ask(users).await.assert_failed("FORBIDDEN");

    update(&root, &ada, json!({ "roles": ["admin", "user"] })).await;
    ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
    ada.refresh().await.assert_done();
    assert_eq!(ada.session_id, session);
    ada.ask(users).await.assert_done();

    update(&root, &ada, json!({ "roles": ["user"] })).await;
    ada.ask(users).await.assert_unauthenticated("TOKEN_REVOKED");
    ada.refresh().await.assert_done();
    ada.ask(users).await.assert_failed("FORBIDDEN");
    let (_, claims) = decode(ada.token.as_deref().expect("a token"));
    assert_eq!((&claims["roles"], &claims["scope"]), (&json!(["user"]), &json!("")));
}

#[tokio::test]
async fn another_profile_voids_nothing() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = app.signed_in("ada").await;
    update(&root, &ada, json!({ "displayName": "Ada Lovelace" })).await;
    let me = ada.ask("{ me { displayName } }").await;
    assert_eq!(me.at("/me/displayName"), "Ada Lovelace");
    ada.refresh().await.assert_done();
}

#[tokio::test]
async fn a_password_from_the_administrator_ends_every_session() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = app.signed_in("ada").await;
    update(&root, &ada, json!({ "password": OTHER_PASSWORD })).await;
    assert_over(&ada).await;
    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    app.anonymous().log_in("ada", OTHER_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_deleted_account_is_signed_out_at_once() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = app.signed_in("ada").await;
    let input = json!({ "id": ada.user_id });
    root.mutate("deleteUser", input, "deletedId errors { code }").await.assert_done();
    assert_over(&ada).await;
    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn who_signs_out_with_a_token_that_was_voided_ends_the_session_all_the_same() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = app.signed_in("ada").await;
    update(&root, &ada, json!({ "roles": ["admin"] })).await;
    ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    ada.refresh_with(ada.kept()).await.assert_refused(INVALID);
}

#[tokio::test]
async fn who_signs_out_with_a_token_that_names_no_session_is_told() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let (header, _) = decode(ada.token.as_deref().expect("a token"));
    let kid = header["kid"].as_str().expect("a kid");
    app.app.admin.revoke_key(kid, portcullis::audit::Actor::Server).await.expect("the key is there");
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_refused(INVALID);
}
