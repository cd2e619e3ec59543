//! The end of a token: revocation, expiry, and what happens to its owner, on every replica.

use std::time::Duration;

use portcullis::config::RoleConfig;
use serde_json::json;

use super::{DAY, Pat, ask_for, create, list, revoke};
use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, Socket, TestApp, USER, eventually};

/// Says that the token is refused on this server, as soon as it has read the change.
async fn assert_ends(app: &TestApp, pat: &Pat) {
    let client = pat.client.clone().at(app.url("/graphql"));
    eventually(async || client.me().await.body.get("errors").is_some()).await;
    client.me().await.assert_unauthenticated("TOKEN_REVOKED");
}

#[tokio::test]
async fn a_revocation_takes_effect_on_another_replica_although_the_token_is_cached_there() {
    let [app, other] = TestApp::two().await;
    let ada = app.signed_in("ada").await;
    let pat = create(&app, &ada, &[]).await;
    let there = pat.client.clone().at(other.url("/graphql"));
    there.me().await.assert_done();
    let mut socket = Socket::open(&there).await;
    revoke(&ada, &pat.id).await.assert_done();
    assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()));
    assert_ends(&other, &pat).await;
    assert_ends(&app, &pat).await;
}

#[tokio::test]
async fn a_token_loses_the_scopes_that_its_owner_loses_and_gets_them_back() {
    let app = TestApp::with(|config| {
        config.roles.insert("reader".to_owned(), RoleConfig::new(vec!["users:read".to_owned()]));
    })
    .await;
    let other = app.replica().await;
    let (root, ada) = (app.admin().await, app.with_roles("ada", &["reader"]).await);
    let pat = create(&app, &ada, &["users:read"]).await;
    let there = pat.client.clone().at(other.url("/graphql"));
    there.ask("{ users { totalCount } }").await.assert_done();
    let mut socket = Socket::open(&there).await;

    let set = async |roles: &[&str]| {
        let input = json!({ "id": ada.user_id, "roles": roles });
        root.mutate("updateUser", input, USER).await.assert_done();
    };
    set(&[]).await;
    assert_eq!(socket.closed().await, (4401, "TOKEN_REVOKED".to_owned()), "its scopes have changed");
    pat.client.ask("{ users { totalCount } }").await.assert_failed("FORBIDDEN");
    eventually(async || there.ask("{ users { totalCount } }").await.body.get("errors").is_some()).await;
    there.ask("{ users { totalCount } }").await.assert_failed("FORBIDDEN");
    there.me().await.assert_done();
    set(&["reader", "admin"]).await;
    pat.client.ask("{ users { totalCount } }").await.assert_done();
    pat.client.ask("{ auditEvents { nodes { id } } }").await.assert_failed("FORBIDDEN");
}

#[tokio::test]
async fn a_token_ends_with_the_account_and_with_all_its_sessions() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let root = app.admin().await;
    for way in ["disable", "password", "sessions", "delete"] {
        let ada = app.signed_in(&format!("ada-{way}")).await;
        let pat = create(&app, &ada, &[]).await;
        pat.client.clone().at(other.url("/graphql")).me().await.assert_done();
        let id = &ada.user_id;
        let (name, input) = match way {
            "disable" => ("updateUser", json!({ "id": id, "disabled": true })),
            "password" => ("updateUser", json!({ "id": id, "password": OTHER_PASSWORD })),
            "sessions" => ("revokeUserSessions", json!({ "userId": id })),
            _ => ("deleteUser", json!({ "id": id })),
        };
        root.mutate(name, input, "errors { code }").await.assert_done();
        for server in [&app, &other] {
            let client = pat.client.clone().at(server.url("/graphql"));
            eventually(async || client.me().await.body.get("errors").is_some()).await;
            let reason = if way == "delete" { "TOKEN_INVALID" } else { "TOKEN_REVOKED" };
            client.me().await.assert_unauthenticated(reason);
        }
        if way == "disable" {
            let input = json!({ "id": id, "disabled": false });
            root.mutate("updateUser", input, USER).await.assert_done();
            pat.client.me().await.assert_unauthenticated("TOKEN_REVOKED");
        }
    }
}

#[tokio::test]
async fn a_token_survives_a_change_of_the_password_and_no_reset() {
    let app = TestApp::start().await;
    let mut ada = app.anonymous();
    let input = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    let registered = ada.mutate("register", input, AUTH).await;
    ada.keep(registered).assert_done();
    let pat = create(&app, &ada, &[]).await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", change, AUTH).await;
    ada.keep(changed).assert_done();
    pat.client.me().await.assert_done();
    ada.ask("mutation { it: revokeOtherSessions { errors { code } } }").await.assert_done();
    pat.client.me().await.assert_done();

    let input = json!({ "email": "ada@example.com" });
    app.anonymous().mutate("requestPasswordReset", input, "errors { code }").await.assert_done();
    let proof = json!({ "token": app.newest_message("ada@example.com").await.token });
    let input = json!({ "proof": proof, "newPassword": PASSWORD });
    app.anonymous().mutate("resetPassword", input, AUTH).await.assert_done();
    pat.client.me().await.assert_unauthenticated("TOKEN_REVOKED");
}

#[tokio::test]
async fn a_token_that_expires_while_a_socket_is_open_ends_it() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let answer = ask_for(&app, &ada, &[], Duration::from_hours(2)).await;
    let client: Client = app.anonymous().bearing(answer.at("/it/token").as_str().expect("a token"));
    let mut socket = Socket::open(&client).await;
    app.wait(Duration::from_mins(119));
    client.me().await.assert_done();
    app.wait(Duration::from_mins(1));
    assert_eq!(socket.closed().await, (4401, "TOKEN_EXPIRED".to_owned()));
    client.me().await.assert_unauthenticated("TOKEN_EXPIRED");
}

#[tokio::test]
async fn an_ended_token_is_deleted_after_30_days() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let (revoked, expired) = (create(&app, &ada, &[]).await, create(&app, &ada, &[]).await);
    revoke(&ada, &revoked.id).await.assert_done();
    let sweep = async || app.app.personal_access_tokens.sweep(500).await.expect("the database answers");
    app.wait(29 * DAY);
    assert_eq!(sweep().await, 0);
    app.wait(DAY);
    assert_eq!(sweep().await, 1, "the revoked one");
    revoked.client.me().await.assert_failed("UNAUTHENTICATED");
    expired.client.me().await.assert_unauthenticated("TOKEN_EXPIRED");
    app.wait(30 * DAY);
    assert_eq!(sweep().await, 1);
}

#[tokio::test]
async fn a_deferred_deletion_revokes_the_tokens() {
    let app = TestApp::with(|config| config.accounts.delete_after = 7 * DAY).await;
    let ada = app.signed_in("ada").await;
    let pat = create(&app, &ada, &[]).await;
    ada.mutate("deleteAccount", json!({ "password": PASSWORD }), "errors { code }").await.assert_done();
    pat.client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    let mut ada = app.anonymous();
    ada.log_in("ada", PASSWORD).await.assert_done();
    pat.client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    assert_eq!(list(&ada).await["totalCount"], 0);
}
