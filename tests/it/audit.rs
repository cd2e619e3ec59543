//! The audit log: it records every security event with actor, account and address, and keeps it for the configured time.

use std::{collections::BTreeSet, time::Duration};

use portcullis::{audit::Actor, config::LimitsConfig, tokens::Activation};
use serde_json::{Value, json};

use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, Process, TestApp};

const HOME: &str = "198.51.100.7";
const AGENT: &str = "a browser";
const EVENT: &str = "action actor { username } user { username } session { id } ipAddress userAgent";

/// The events, the newest first.
async fn events(root: &Client, filter: Value) -> Vec<Value> {
    let query = format!(
        "query($filter: AuditEventFilter) {{ auditEvents(first: 100, filter: $filter) {{ nodes {{ {EVENT} }} }} }}"
    );
    let answer = root.ask_with(&query, json!({ "filter": filter })).await;
    answer.assert_done().at("/auditEvents/nodes").as_array().expect("a list").clone()
}

/// Says what the newest event of a kind is.
async fn assert_last(root: &Client, action: &str, actor: Option<&str>, user: Option<&str>, from: &Client) {
    let events = events(root, json!({ "actions": [action] })).await;
    let event = events.first().unwrap_or_else(|| panic!("there is no {action}"));
    assert_eq!(event["actor"]["username"].as_str(), actor, "{event}");
    assert_eq!(event["user"]["username"].as_str(), user, "{event}");
    let session = json!(from.session_id);
    assert!(event["session"].is_null() || event["session"]["id"] == session, "{event}");
    assert_eq!((&event["ipAddress"], &event["userAgent"]), (&json!(HOME), &json!(AGENT)), "{event}");
}

fn at_home(client: Client) -> Client {
    client.behind(HOME).header("user-agent", AGENT)
}

#[tokio::test]
async fn what_people_do_to_their_own_accounts_is_written_down() {
    let app = TestApp::with(|config| config.limits = LimitsConfig::default()).await;
    let root = app.admin().await;
    let mut ada = at_home(app.anonymous());
    let own = Some("ada");
    ada.register("ada", PASSWORD).await.assert_done();
    assert_last(&root, "USER_REGISTERED", None, own, &ada).await;
    assert_last(&root, "LOGIN_SUCCEEDED", own, own, &ada).await;

    let email = json!({ "email": "ada@example.com" });
    ada.mutate("updateProfile", email, "errors { code }").await.assert_done();
    assert_last(&root, "USER_UPDATED", own, own, &ada).await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", change, AUTH).await;
    ada.keep(changed).assert_done();
    assert_last(&root, "PASSWORD_CHANGED", own, own, &ada).await;
    let proof = json!({ "proof": { "password": OTHER_PASSWORD } });
    let renewed = ada.mutate("reauthenticate", proof, AUTH).await;
    ada.keep(renewed).assert_done();
    assert_last(&root, "REAUTHENTICATED", own, own, &ada).await;

    let mut elsewhere = at_home(app.anonymous());
    elsewhere.log_in("ada", OTHER_PASSWORD).await.assert_done();
    let revoke = json!({ "id": elsewhere.session_id });
    ada.mutate("revokeSession", revoke, "errors { code }").await.assert_done();
    assert_last(&root, "SESSION_REVOKED", own, own, &elsewhere).await;
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    app.wait(Duration::from_secs(11));
    ada.refresh_with(&used).await.assert_refused("INVALID_REFRESH_TOKEN");
    assert_last(&root, "REFRESH_TOKEN_REUSED", None, own, &ada).await;

    ada.log_in("ada", OTHER_PASSWORD).await.assert_done();
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_last(&root, "LOGOUT", own, own, &ada).await;
    for _ in 0..5 {
        ada.log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    assert_last(&root, "LOGIN_FAILED", None, own, &ada).await;
    ada.log_in("ada", "wrong").await.assert_refused("RATE_LIMITED");
    assert_last(&root, "LOGIN_THROTTLED", None, own, &ada).await;
    ada.log_in("nobody", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    assert_last(&root, "LOGIN_FAILED", None, None, &ada).await;
}

#[tokio::test]
async fn what_administrators_do_is_written_down_with_who_did_it() {
    let app = TestApp::start().await;
    let root = at_home(app.admin().await);
    let by = Some("root");
    let bob = json!({ "username": "bob", "password": PASSWORD });
    let created = root.mutate("createUser", bob, "user { id } errors { code }").await;
    assert_last(&root, "USER_CREATED", by, Some("bob"), &root).await;
    let id = created.assert_done().at("/it/user/id").clone();
    for (change, action) in [
        (json!({ "disabled": true }), "USER_DISABLED"),
        (json!({ "disabled": false }), "USER_ENABLED"),
        (json!({ "roles": ["admin"] }), "ROLES_CHANGED"),
        (json!({ "password": OTHER_PASSWORD }), "PASSWORD_CHANGED"),
        (json!({ "displayName": "Bob" }), "USER_UPDATED"),
    ] {
        let mut input = change;
        input["id"] = id.clone();
        root.mutate("updateUser", input, "errors { code }").await.assert_done();
        assert_last(&root, action, by, Some("bob"), &root).await;
    }
    root.mutate("deleteUser", json!({ "id": id }), "errors { code }").await.assert_done();
    assert_last(&root, "USER_DELETED", by, None, &root).await;
}

#[tokio::test]
async fn every_action_of_the_schema_has_a_test() {
    let app = TestApp::start().await;
    let answer = app.anonymous().ask(r#"{ __type(name: "AuditAction") { enumValues { name } } }"#).await;
    let values = answer.at("/__type/enumValues").as_array().expect("an enum").clone();
    let actions: BTreeSet<_> = values.iter().filter_map(|value| value["name"].as_str()).collect();
    let here = concat!(
        include_str!("audit.rs"),
        include_str!("keys.rs"),
        include_str!("leaving/mod.rs"),
        include_str!("mail/delivery.rs"),
        include_str!("mail/failures.rs"),
        include_str!("repetitions.rs"),
        include_str!("email/audit.rs"),
        include_str!("second_factors/policy.rs"),
        include_str!("second_factors/sign_in.rs"),
        include_str!("second_factors/trusted_devices.rs"),
        include_str!("personal_access_tokens/mod.rs"),
        include_str!("passkeys/login.rs"),
        include_str!("passkeys/management.rs"),
    );
    let tested = actions.iter().filter(|action| here.contains(&format!("\"{action}\"")));
    assert_eq!(tested.copied().collect::<BTreeSet<_>>(), actions);
}

#[tokio::test]
async fn an_operation_that_does_not_take_place_leaves_no_event() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let before = events(&root, Value::Null).await.len();
    let last_admin = json!({ "id": root.user_id, "roles": [], "displayName": "Nobody" });
    root.mutate("updateUser", last_admin, "errors { code }").await.assert_refused("LAST_ADMIN");
    let taken = json!({ "username": "Root", "password": PASSWORD });
    root.mutate("createUser", taken, "errors { code }").await.assert_refused("USERNAME_TAKEN");
    assert_eq!(events(&root, Value::Null).await.len(), before);
}

#[tokio::test]
async fn events_are_forgotten_when_their_time_is_over() {
    let app = TestApp::with(|config| config.audit.retention = Duration::from_hours(24 * 30)).await;
    let mut root = app.admin().await;
    let old = events(&root, Value::Null).await.len();
    app.wait(Duration::from_hours(24 * 29));
    root.log_in("root", PASSWORD).await.assert_done();
    assert_eq!(app.app.audit.sweep(500).await.expect("the database answers"), 0);
    assert_eq!(events(&root, Value::Null).await.len(), old + 1);
    app.wait(Duration::from_hours(24 * 2));
    assert_eq!(app.app.audit.sweep(1).await.expect("the database answers"), 1, "in batches");
    app.app.audit.sweep(500).await.expect("the database answers");
    root.log_in("root", PASSWORD).await.assert_done();
    let left: Vec<_> = events(&root, Value::Null).await.iter().map(|event| event["action"].clone()).collect();
    assert_eq!(left, ["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED"]);
}

#[tokio::test]
async fn without_a_retention_events_are_kept_for_ever() {
    let app = TestApp::with(|config| config.audit.retention = Duration::ZERO).await;
    app.admin().await;
    app.app.admin.rotate_keys(None, Activation::Scheduled, Actor::Server).await.expect("the key is made");
    app.wait(Duration::from_hours(24 * 365 * 50));
    assert_eq!(app.app.audit.sweep(500).await.expect("the database answers"), 0);
}

#[tokio::test]
async fn every_event_is_a_line_of_the_log_for_a_collector() {
    let quick = [("PORTCULLIS_PASSWORDS__MEMORY_KIB", "8"), ("PORTCULLIS_PASSWORDS__ITERATIONS", "1")];
    let process = Process::start(&[&quick[..], &[("PORTCULLIS_LOG__FORMAT", "json")]].concat()).await;
    let mut ada = process.anonymous().header("user-agent", r#"a "browser", {"action":"LOGOUT"}"#);
    ada.register("ada", PASSWORD).await.assert_done();
    ada.log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    let lines = process.log();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON object a line"));
    let audit: Vec<_> = lines.filter(|line| line["target"] == "portcullis::audit").collect();
    let fields = |name: &str| audit.iter().map(|line| line["fields"][name].clone()).collect::<Vec<_>>();
    assert_eq!(fields("action"), ["USER_REGISTERED", "LOGIN_SUCCEEDED", "LOGIN_FAILED", "LOGOUT"]);
    assert!(fields("id").iter().all(|id| id.as_str().is_some_and(|id| id.starts_with("event_"))));
    assert!(fields("user").iter().all(|user| *user == ada.user_id));
    assert_eq!(fields("session")[3], ada.session_id);
    assert!(fields("agent").iter().all(|agent| agent == r#"a "browser", {"action":"LOGOUT"}"#));
    assert!(fields("address").iter().all(|address| address == "127.0.0.1"));
}
