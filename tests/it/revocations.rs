//! The time for which a revocation is kept, on servers and commands with different settings.

use std::time::Duration;

use portcullis::{audit::Actor, tokens::KeyState};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, decode, eventually};

const DAY: Duration = Duration::from_hours(24);

/// A server whose access tokens live as long as the configuration permits, and a tool that was configured with
/// seconds.
async fn server_and_tool() -> (TestApp, TestApp) {
    let server = TestApp::with(|config| config.tokens.access_ttl = DAY).await;
    let tool = server.replica_with(|config| config.tokens.access_ttl = Duration::from_secs(5)).await;
    (server, tool)
}

/// Deletes whatever each server takes for expired.
async fn sweep(servers: &[&TestApp]) {
    for server in servers {
        server.app.feed.sweep(1000).await.expect("the database answers");
        server.app.keyring.sweep().await.expect("the database answers");
    }
}

async fn update(root: &Client, user: &Client, mut change: Value) {
    change["id"] = json!(user.user_id);
    root.mutate("updateUser", change, "errors { code }").await.assert_done();
}

#[tokio::test]
async fn a_revocation_outlives_every_token_whatever_the_process_that_revokes_is_configured_with() {
    let (server, tool) = server_and_tool().await;
    let root = server.admin().await.at(tool.url("/graphql"));
    let mut clients = Vec::new();
    for name in ["disabled", "demoted", "deleted", "signed-out", "renewed"] {
        clients.push(server.signed_in(name).await);
    }
    let [disabled, demoted, deleted, signed_out, renewed] = clients.as_slice() else {
        panic!("five clients")
    };
    update(&root, disabled, json!({ "disabled": true })).await;
    update(&root, demoted, json!({ "roles": [] })).await;
    update(&root, renewed, json!({ "password": "quiet violet lantern orbit" })).await;
    root.mutate("deleteUser", json!({ "id": deleted.user_id }), "errors { code }").await.assert_done();
    let at_tool = signed_out.clone().at(tool.url("/graphql"));
    at_tool.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    for client in &clients {
        eventually(async || client.me().await.body.get("errors").is_some()).await;
    }

    for pause in [Duration::from_mins(1), Duration::from_hours(2), Duration::from_hours(21)] {
        server.wait(pause);
        sweep(&[&server, &tool]).await;
        let restarted = server.replica().await;
        for client in &clients {
            client.me().await.assert_unauthenticated("TOKEN_REVOKED");
            let there = client.clone().at(restarted.url("/graphql"));
            there.me().await.assert_unauthenticated("TOKEN_REVOKED");
        }
    }
    server.wait(Duration::from_hours(2));
    let deleted = server.app.feed.sweep(1000).await.expect("the database answers");
    assert!(deleted >= 5, "what no token needs is not kept: {deleted}");
    disabled.me().await.assert_unauthenticated("TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_retired_key_is_trusted_until_its_last_token_has_expired_on_any_server() {
    let (server, tool) = server_and_tool().await;
    let ada = server.signed_in("ada").await;
    let (header, _) = decode(ada.token.as_deref().expect("a token"));
    let kid = header["kid"].as_str().expect("a kid").to_owned();
    tool.app.admin.retire_key(&kid, Actor::Server).await.expect("the key is there");
    for pause in [Duration::from_mins(10), Duration::from_mins(23 * 60 + 40)] {
        server.wait(pause);
        sweep(&[&server, &tool]).await;
        server.app.keyring.reload().await.expect("the keys open");
        ada.me().await.assert_done();
    }
    server.wait(Duration::from_mins(20));
    server.app.keyring.reload().await.expect("the keys open");
    let keys = server.app.keyring.list().await.expect("the database answers");
    assert!(matches!(keys[0].state, KeyState::Withdrawn { .. }), "{keys:?}");
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_for_as_long_as_a_token_of_any_server_lives() {
    let (server, tool) = server_and_tool().await;
    let mut ada = server.signed_in("ada").await;
    let (header, _) = decode(ada.token.as_deref().expect("a token"));
    let kid = header["kid"].as_str().expect("a kid").to_owned();
    tool.app.admin.revoke_key(&kid, Actor::Server).await.expect("the key is there");
    eventually(async || ada.me().await.body.get("errors").is_some()).await;
    server.wait(Duration::from_hours(23));
    sweep(&[&server, &tool]).await;
    server.app.keyring.reload().await.expect("the keys open");
    ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
    ada.log_in("ada", PASSWORD).await.assert_done();
}
