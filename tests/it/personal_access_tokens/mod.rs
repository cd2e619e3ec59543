//! Personal access tokens: what their owner, a program and an attacker do with one.

mod bearer;
mod create;
mod ends;
mod exchange;
mod limits;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, eventually};

/// The fields of a payload with a new token.
const CREATED: &str = "token personalAccessToken { id name scopes hint createdAt expiresAt lastUsedAt } \
    errors { code message field }";

/// The payload of a revocation.
const REVOKED: &str = "deletedId errors { code field }";

const DAY: Duration = Duration::from_hours(24);

const LIST: &str = "{ me { personalAccessTokens { totalCount nodes { id name hint scopes lastUsedAt } } } }";

/// A personal access token, and a client that bears it.
struct Pat {
    id: String,
    token: String,
    client: Client,
}

/// Asks for a token that expires after this time.
async fn ask_for(app: &TestApp, owner: &Client, scopes: &[&str], lifetime: Duration) -> Answer {
    let expires_at = app.clock().now() + lifetime;
    let input = json!({ "name": "backup", "scopes": scopes, "expiresAt": expires_at });
    owner.mutate("createPersonalAccessToken", input, CREATED).await
}

/// Creates a token that lives for 30 days.
async fn create(app: &TestApp, owner: &Client, scopes: &[&str]) -> Pat {
    let answer = ask_for(app, owner, scopes, 30 * DAY).await;
    answer.assert_done();
    let token = answer.at("/it/token").as_str().expect("a token").to_owned();
    let id = answer.at("/it/personalAccessToken/id").as_str().expect("an id").to_owned();
    Pat { id, client: app.anonymous().bearing(&token), token }
}

async fn revoke(owner: &Client, id: &str) -> Answer {
    owner.mutate("revokePersonalAccessToken", json!({ "id": id }), REVOKED).await
}

/// The tokens that a user sees in their own account.
async fn list(client: &Client) -> Value {
    client.ask(LIST).await.assert_done().at("/me/personalAccessTokens").clone()
}

/// Says that the field accepts no personal access token.
#[track_caller]
fn assert_session_required(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {answer:?}");
    let reason = answer.error()["reason"].as_str();
    assert_eq!((answer.code(), reason), ("FORBIDDEN", Some("SESSION_REQUIRED")), "{what}: {}", answer.body);
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_revoked() {
    let app = TestApp::start().await;
    let ada = app.admin().await;
    let pat = create(&app, &ada, &["users:read"]).await;
    assert!(pat.token.starts_with("ppat_") && pat.token.len() == 41, "{}", pat.token);

    let listed = list(&ada).await;
    let hint = &pat.token[..9];
    let expected =
        json!({ "id": pat.id, "name": "backup", "hint": hint, "scopes": ["users:read"], "lastUsedAt": null });
    assert_eq!(listed, json!({ "totalCount": 1, "nodes": [expected] }));
    assert!(!listed.to_string().contains(&pat.token));

    let me = pat.client.ask("{ me { id username } }").await;
    assert_eq!(me.assert_done().at("/me/id"), ada.user_id.as_str());
    pat.client.ask("{ users { totalCount } }").await.assert_done();
    let query = format!("{{ node(id: \"{}\") {{ ... on PersonalAccessToken {{ name }} }} }}", pat.id);
    assert_eq!(ada.ask(&query).await.at("/node/name"), "backup");

    let revoked = revoke(&ada, &pat.id).await;
    assert_eq!(revoked.assert_done().at("/it/deletedId"), pat.id.as_str());
    pat.client.me().await.assert_unauthenticated("TOKEN_REVOKED");
    revoke(&ada, &pat.id).await.assert_refused("NOT_FOUND");
    assert_eq!(list(&ada).await["totalCount"], 0);
}

#[tokio::test]
async fn the_last_use_is_recorded_once_a_minute() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let pat = create(&app, &ada, &[]).await;
    let used_at = async || list(&ada).await["nodes"][0]["lastUsedAt"].clone();
    assert_eq!(used_at().await, Value::Null);
    let first = json!(app.clock().now());
    pat.client.me().await.assert_done();
    eventually(async || !used_at().await.is_null()).await;
    let recorded = used_at().await;
    assert!(recorded.as_str() >= first.as_str(), "{recorded} {first}");

    app.wait(Duration::from_secs(50));
    pat.client.me().await.assert_done();
    assert_eq!(used_at().await, recorded);
    app.wait(Duration::from_secs(11));
    pat.client.me().await.assert_done();
    eventually(async || used_at().await != recorded).await;
}

#[tokio::test]
async fn a_token_is_seen_and_revoked_by_its_owner_and_by_administrators_of_sessions() {
    let app = TestApp::start().await;
    let (root, ada, bob) = (app.admin().await, app.signed_in("ada").await, app.signed_in("bob").await);
    let pat = create(&app, &ada, &[]).await;
    let node = format!("{{ node(id: \"{}\") {{ id }} }}", pat.id);
    assert_eq!(bob.ask(&node).await.assert_done().at("/node"), &Value::Null);
    assert_eq!(app.anonymous().ask(&node).await.at("/node"), &Value::Null);
    assert_eq!(root.ask(&node).await.at("/node/id"), pat.id.as_str());
    let of_ada = "{ user(username: \"ada\") { personalAccessTokens { totalCount } } }";
    assert_eq!(root.ask(of_ada).await.at("/user/personalAccessTokens/totalCount"), 1);

    revoke(&bob, &pat.id).await.assert_refused("NOT_FOUND");
    pat.client.me().await.assert_done();
    revoke(&root, &pat.id).await.assert_done();
    pat.client.me().await.assert_unauthenticated("TOKEN_REVOKED");
}

#[tokio::test]
async fn the_audit_log_has_the_creation_and_the_revocation() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let pat = create(&app, &ada, &[]).await;
    revoke(&ada, &pat.id).await.assert_done();
    let filter = format!("{{ user: \"{}\", actions: [TOKEN_CREATED, TOKEN_REVOKED] }}", ada.user_id);
    let answer = root
        .ask(&format!("{{ auditEvents(filter: {filter}) {{ nodes {{ action actor {{ id }} }} }} }}"))
        .await;
    let event = |action: &str| json!({ "action": action, "actor": { "id": ada.user_id } });
    let expected = json!(["TOKEN_REVOKED", "TOKEN_CREATED"].map(event));
    assert_eq!(answer.assert_done().at("/auditEvents/nodes"), &expected);
}
