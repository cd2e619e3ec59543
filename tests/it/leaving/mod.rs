//! Leaving: the export of an account, and a deletion that can be undone.

mod erasure;

use std::{fs, time::Duration};

use portcullis::worker::Cleanup;
use serde_json::{Value, json};

use crate::{
    cli::Place,
    support::{Answer, Client, PASSWORD, TestApp, USER},
};

const WEEK: Duration = Duration::from_hours(7 * 24);
const WEEK_BUT_AN_HOUR: Duration = Duration::from_hours(7 * 24 - 1);

async fn app() -> TestApp {
    TestApp::with(|config| config.accounts.delete_after = WEEK).await
}

async fn leave(client: &Client) -> Answer {
    client.mutate("deleteAccount", json!({ "password": PASSWORD }), "deletedId errors { code }").await
}

async fn user(root: &Client, name: &str) -> Value {
    let query =
        format!("{{ user(username: \"{name}\") {{ id deletionScheduledAt sessions {{ totalCount }} }} }}");
    root.ask(&query).await.assert_done().at("/user").clone()
}

async fn actions(root: &Client, name: &str) -> Vec<String> {
    let query = "{ auditEvents(first: 100) { nodes { action user { username } } } }";
    let answer = root.ask(query).await;
    let nodes = answer.at("/auditEvents/nodes").as_array().expect("a list").clone();
    let of_user = nodes.iter().filter(|node| node["user"]["username"] == name);
    of_user.map(|node| node["action"].as_str().expect("text").to_owned()).collect()
}

/// Runs the cleanup until the given time has passed, often enough that the clock does not seem to jump.
async fn pass(app: &TestApp, time: Duration) {
    let (cleanup, step) = (Cleanup::new((*app.app).clone()), Duration::from_hours(1));
    let mut passed = Duration::ZERO;
    while passed < time {
        cleanup.run().await;
        app.wait(step);
        passed += step;
    }
    cleanup.run().await;
}

#[tokio::test]
async fn a_deletion_is_undone_by_signing_in() {
    let app = app().await;
    let (mut root, mut ada) = (app.admin().await, app.signed_in("ada").await);
    leave(&ada).await.assert_done();
    let after = user(&root, "ada").await;
    assert_ne!(after["deletionScheduledAt"], Value::Null);
    assert_eq!(after["sessions"]["totalCount"], 0);
    assert_eq!(ada.ask("{ me { id } }").await.error()["reason"], "TOKEN_REVOKED");
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    app.anonymous().log_in("ada", "wrong password").await.assert_refused("INVALID_CREDENTIALS");
    assert_ne!(
        user(&root, "ada").await["deletionScheduledAt"],
        Value::Null,
        "a wrong password undoes nothing"
    );
    let mut again = app.anonymous();
    again.log_in("ada", PASSWORD).await.assert_done();
    assert_eq!(user(&root, "ada").await["deletionScheduledAt"], Value::Null);
    pass(&app, WEEK).await;
    again.log_in("ada", PASSWORD).await.assert_done();
    root.log_in("root", PASSWORD).await.assert_done();
    let actions = actions(&root, "ada").await;
    for action in ["USER_DELETION_SCHEDULED", "USER_DELETION_CANCELLED"] {
        assert_eq!(actions.iter().filter(|found| *found == action).count(), 1, "{actions:?}");
    }
}

#[tokio::test]
async fn an_account_is_deleted_once_its_time_has_passed() {
    let app = app().await;
    let (mut root, ada) = (app.admin().await, app.signed_in("ada").await);
    leave(&ada).await.assert_done();
    pass(&app, WEEK_BUT_AN_HOUR).await;
    root.log_in("root", PASSWORD).await.assert_done();
    assert_ne!(user(&root, "ada").await, Value::Null);
    app.wait(Duration::from_hours(1));
    // It is due, although no cleanup has run since.
    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    pass(&app, Duration::from_hours(1)).await;
    root.log_in("root", PASSWORD).await.assert_done();
    assert_eq!(user(&root, "ada").await, Value::Null);
    app.signed_in("ada").await;
}

#[tokio::test]
async fn the_last_administrator_who_stays_cannot_leave() {
    let app = app().await;
    let (root, ada) = (app.admin().await, app.with_roles("ada", &["admin"]).await);
    leave(&ada).await.assert_done();
    leave(&root).await.assert_refused("LAST_ADMIN");
    let input = json!({ "id": root.user_id, "roles": [] });
    root.mutate("updateUser", input, USER).await.assert_refused("LAST_ADMIN");
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
    leave(&root).await.assert_done();
}

#[tokio::test]
async fn without_a_delay_an_account_is_deleted_at_once() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    leave(&ada).await.assert_done();
    assert_eq!(user(&root, "ada").await, Value::Null);
}

#[tokio::test]
async fn an_export_has_everything_about_the_own_account_and_no_secret() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    app.signed_in("bob").await;
    let input = json!({ "email": "ada@example.com", "metadata": { "a": 1 }, "locale": "de" });
    ada.mutate("updateProfile", input, USER).await.assert_done();
    app.anonymous().log_in("ada", "wrong password").await.assert_refused("INVALID_CREDENTIALS");
    let token = json!({ "name": "backup", "scopes": [], "expiresAt": app.clock().now() + WEEK });
    let token = ada.mutate("createPersonalAccessToken", token, "token errors { code }").await;
    let token = token.assert_done().at("/it/token").as_str().expect("a token").to_owned();
    let answer = ada.ask("{ exportAccount { data createdAt } }").await;
    let data = answer.assert_done().at("/exportAccount/data");
    let account = &data["account"];
    assert_eq!((&account["username"], &account["email"]), (&json!("ada"), &json!("ada@example.com")));
    assert_eq!((&account["metadata"], &account["locale"]), (&json!({ "a": 1 }), &json!("de")));
    assert_eq!(data["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(data["personalAccessTokens"][0]["name"], "backup");
    assert_eq!(data["trustedDevices"], json!([]));
    let events = data["auditEvents"].as_array().expect("a list");
    let actions = events.iter().filter_map(|event| event["action"].as_str());
    // The message that verifies the address is sent at any time.
    let actions: Vec<&str> = actions.filter(|action| *action != "MESSAGE_SENT").collect();
    assert_eq!(
        actions,
        ["TOKEN_CREATED", "LOGIN_FAILED", "USER_UPDATED", "LOGIN_SUCCEEDED", "USER_REGISTERED"]
    );
    let text = answer.body.to_string();
    for secret in ["argon2", "passwordHash", "bob", &token, ada.token.as_deref().expect("a token")] {
        assert!(!text.contains(secret), "{secret}");
    }
    app.anonymous().ask("{ exportAccount { createdAt } }").await.assert_failed("UNAUTHENTICATED");
}

#[tokio::test]
async fn an_export_is_bounded_and_counts_as_a_change() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.changes.free_attempts = 3;
    })
    .await;
    let ada = app.signed_in("ada").await;
    let query = "{ a: exportAccount { createdAt } b: exportAccount { createdAt } c: exportAccount { createdAt } \
        d: exportAccount { createdAt } }";
    let answer = ada.ask(query).await;
    assert_eq!(answer.error()["code"], "RATE_LIMITED", "{}", answer.body);
}

#[test]
fn the_command_line_exports_one_account() {
    let place = Place::new();
    place.run_with("users create ada --email ada@example.com", &format!("{PASSWORD}\n")).done();
    place.run("users export-one ada ada.json").done();
    let text = fs::read_to_string(place.path("ada.json")).expect("the file is there");
    let data: Value = serde_json::from_str(&text).expect("one JSON document");
    assert_eq!(data["account"]["email"], "ada@example.com");
    assert_eq!(data["auditEvents"][0]["action"], "USER_CREATED");
    assert!(!text.contains("argon2"), "{text}");
    assert!(place.run("users export-one ada ada.json").failed().contains("ada.json"), "no file is replaced");
    assert!(place.run("users export-one bob bob.json").failed().contains("there is no user"), "bob");
    assert!(!place.path("bob.json").exists());
}
