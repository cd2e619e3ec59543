//! The limits of a token: it changes no credential and nothing about the account of its owner.

use serde_json::json;

use super::{Pat, assert_session_required, create, list, revoke};
use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, TestApp, USER};

/// The scopes of an administrator.
const ALL: [&str; 5] = ["audit:read", "sessions:read", "sessions:write", "users:read", "users:write"];

async fn of_admin(app: &TestApp) -> (Client, Pat) {
    let root = app.admin().await;
    let pat = create(app, &root, &ALL).await;
    (root, pat)
}

#[tokio::test]
async fn a_token_takes_over_no_account_through_administration() {
    let app = TestApp::start().await;
    let (root, pat) = of_admin(&app).await;
    let ada = app.signed_in("ada").await;
    let own = |more: &str, value| json!({ "id": root.user_id, more: value });
    for (name, input) in [
        ("updateUser", own("email", json!("eve@example.com"))),
        ("updateUser", own("password", json!(OTHER_PASSWORD))),
        ("updateUser", own("roles", json!(["admin", "user"]))),
        ("updateUser", own("displayName", json!("Eve"))),
        ("deleteUser", json!({ "id": root.user_id })),
        ("updateUser", json!({ "id": ada.user_id, "password": OTHER_PASSWORD })),
        ("updateUser", json!({ "id": ada.user_id, "email": "eve@example.com" })),
    ] {
        let answer = pat.client.mutate(name, input.clone(), "errors { code }").await;
        assert_session_required(&answer, &format!("{name} {input}"));
    }
    let input = json!({ "id": ada.user_id, "displayName": "Ada", "disabled": true });
    pat.client.mutate("updateUser", input, USER).await.assert_done();
    root.me().await.assert_done();
}

#[tokio::test]
async fn a_token_grants_no_scope_that_it_has_not() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let pat = create(&app, &root, &["users:read", "users:write"]).await;
    let input = json!({ "username": "eve", "password": PASSWORD, "roles": ["admin"] });
    let answer = pat.client.mutate("createUser", input, USER).await;
    answer.assert_failed("FORBIDDEN");
    assert!(answer.error()["requiredScopes"][0].as_array().is_some_and(|scopes| !scopes.is_empty()));
    let input = json!({ "username": "eve", "password": PASSWORD, "roles": ["user"] });
    pat.client.mutate("createUser", input, USER).await.assert_done();
}

#[tokio::test]
async fn a_token_neither_ends_sessions_of_its_owner_nor_changes_tokens() {
    let app = TestApp::start().await;
    let (root, pat) = of_admin(&app).await;
    let ended = pat.client.mutate("revokeSession", json!({ "id": root.session_id }), "errors { code }").await;
    assert_session_required(&ended, "revokeSession");
    assert_session_required(&revoke(&pat.client, &pat.id).await, "revokePersonalAccessToken");
    let out = pat.client.ask("mutation { it: logout { errors { code } } }").await;
    out.assert_refused("INVALID_REFRESH_TOKEN");
    assert_session_required(&pat.client.mutate("updateProfile", json!({}), USER).await, "updateProfile");
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    assert_session_required(&pat.client.mutate("changePassword", change, AUTH).await, "changePassword");
    root.me().await.assert_done();
    assert_eq!(list(&root).await["totalCount"], 1);
}
