//! Privileges: without a scope, a user sees nothing of other users.

use portcullis::config::{Config, RoleConfig};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Client, OTHER_PASSWORD, PASSWORD, TestApp, USER, wait_for_waiter};

/// Four roles that have one scope each.
fn roles(config: &mut Config) {
    for scope in ["users:read", "sessions:read", "sessions:write", "audit:read"] {
        config.roles.insert(scope.to_owned(), RoleConfig::new([scope]));
    }
}

/// An app with Ada, who has an address, and with an event that concerns her.
async fn app_with_ada() -> (TestApp, Client, String) {
    let app = TestApp::with(roles).await;
    let ada = app.signed_in("ada").await;
    ada.mutate("updateProfile", json!({ "email": "ada@example.com" }), USER).await.assert_done();
    let auditor = app.with_roles("auditor", &["audit:read"]).await;
    let events = "query($user: ID) { auditEvents(first: 1, filter: { user: $user }) { nodes { id } } }";
    let answer = auditor.ask_with(events, json!({ "user": ada.user_id })).await;
    let event = answer.at("/auditEvents/nodes/0/id").as_str().expect("an event").to_owned();
    (app, ada, event)
}

/// The type of what the client gets by this id.
async fn kind_of(id: &str, client: &Client) -> Value {
    let answer =
        client.ask_with("query($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": id })).await;
    answer.assert_done();
    let node = answer.at("/node");
    assert!(node.is_null() || node["id"] == id, "{node}");
    node["__typename"].clone()
}

#[tokio::test]
async fn who_follows_their_account_hears_what_an_administrator_does_and_not_from_where() {
    let app = TestApp::start().await;
    let (ada, root) = (app.signed_in("ada").await, app.admin().await);
    let fields = "{ action actor { username } ipAddress userAgent user { username } }";
    let hers = app.newest_event(Some(&ada.user_id)).await;
    let last = app.newest_event(None).await;
    let mut events =
        ada.follow(&format!("subscription {{ accountEvents(after: \"{hers}\") {fields} }}")).await;
    let mut all = root.follow(&format!("subscription {{ auditEvents(after: \"{last}\") {fields} }}")).await;
    let rename = json!({ "id": ada.user_id, "displayName": "Ada" });
    root.mutate("updateUser", rename, "errors { code }").await.assert_done();
    let event = events.next().await["data"]["accountEvents"].clone();
    let hidden = json!({ "action": "USER_UPDATED", "actor": null, "ipAddress": null, "userAgent": null,
        "user": { "username": "ada" } });
    assert_eq!(event, hidden);
    let event = all.next().await["data"]["auditEvents"].clone();
    assert_eq!((&event["actor"]["username"], &event["action"]), (&json!("root"), &json!("USER_UPDATED")));
    assert!(event["ipAddress"].is_string(), "{event}");

    ada.mutate("updateProfile", json!({ "displayName": "Countess" }), "errors { code }").await.assert_done();
    let own = events.next().await["data"]["accountEvents"].clone();
    assert_eq!(own["actor"]["username"], "ada");
    assert!(own["ipAddress"].is_string(), "{own}");
}

#[tokio::test]
async fn a_node_is_there_for_whom_it_concerns_and_for_the_scope_only() {
    let (app, ada, event) = app_with_ada().await;
    let bob = app.signed_in("bob").await;
    for (id, kind, scope, own) in [
        (&ada.user_id, "User", "users:read", true),
        (&ada.session_id, "Session", "sessions:read", true),
        (&event, "AuditEvent", "audit:read", false),
    ] {
        assert_eq!(kind_of(id, &app.anonymous()).await, Value::Null, "{kind}");
        assert_eq!(kind_of(id, &bob).await, Value::Null, "{kind}");
        assert_eq!(kind_of(id, &ada).await, if own { json!(kind) } else { Value::Null }, "{kind}");
        for role in ["users:read", "sessions:read", "sessions:write", "audit:read"] {
            let reader = app.with_roles(&format!("{kind}-{}", role.replace(':', "-")), &[role]).await;
            let expected = if role == scope { json!(kind) } else { Value::Null };
            assert_eq!(kind_of(id, &reader).await, expected, "{kind} with {role}");
        }
    }
}

#[tokio::test]
async fn a_node_that_does_not_exist_is_null() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let uuid = "01h455vb4pex5vsknk084sn02q";
    for id in [
        "",
        "garbage",
        "\0",
        "user_",
        &format!("user_{uuid}"),
        &format!("session_{uuid}"),
        &format!("event_{uuid}"),
        &format!("role_{uuid}"),
        &format!("{}_{uuid}", "é".repeat(32)),
    ] {
        assert_eq!(kind_of(id, &root).await, Value::Null, "{id:?}");
    }
}

#[tokio::test]
async fn nodes_come_in_the_order_of_their_ids_with_null_for_what_is_not_there() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.signed_in("ada").await, app.signed_in("bob").await);
    let ids = json!([ada.session_id, "garbage", bob.user_id, ada.user_id, ada.session_id]);
    let answer = ada.ask_with("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
    let expected = json!([
        { "id": ada.session_id }, null, null, { "id": ada.user_id }, { "id": ada.session_id },
    ]);
    assert_eq!(answer.at("/nodes"), &expected);
}

#[tokio::test]
async fn nodes_takes_a_hundred_ids() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let ask = async |count: usize| {
        let variables = json!({ "ids": vec![&ada.user_id; count] });
        ada.ask_with("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", variables).await
    };
    assert_eq!(ask(0).await.at("/nodes"), &json!([]));
    assert_eq!(ask(100).await.at("/nodes").as_array().map(Vec::len), Some(100));
    ask(101).await.assert_failed("BAD_USER_INPUT");
}

#[tokio::test]
async fn an_address_is_its_owners_and_that_of_users_read() {
    let (app, ada, _) = app_with_ada().await;
    let by_session = "query($id: ID!) { node(id: $id) { ... on Session { user { username email } } } }";
    for (role, email) in [("sessions:read", Value::Null), ("users:read", json!("ada@example.com"))] {
        let reader = app.with_roles(role.trim_end_matches(":read"), &[role, "sessions:read"]).await;
        let answer = reader.ask_with(by_session, json!({ "id": ada.session_id })).await;
        assert_eq!(answer.at("/node/user"), &json!({ "username": "ada", "email": email }), "{role}");
    }
    let by_event =
        "{ auditEvents(filter: { actions: [USER_UPDATED] }) { nodes { user { email } session { id } } } }";
    let auditor = app.with_roles("another-auditor", &["audit:read"]).await;
    let answer = auditor.ask(by_event).await;
    assert_eq!(answer.at("/auditEvents/nodes"), &json!([{ "user": { "email": null }, "session": null }]));
}

#[tokio::test]
async fn sessions_are_their_owners_and_those_of_sessions_read() {
    let (app, ada, event) = app_with_ada().await;
    let by_name = r#"{ user(username: "ada") { email sessions { totalCount nodes { id current } } } }"#;
    let reader = app.with_roles("reader", &["users:read"]).await;
    let answer = reader.ask(by_name).await;
    answer.assert_done();
    assert_eq!(answer.at("/user"), &json!({ "email": "ada@example.com", "sessions": null }));

    let both = app.with_roles("both", &["users:read", "sessions:read"]).await;
    let sessions = json!({ "totalCount": 1, "nodes": [{ "id": ada.session_id, "current": false }] });
    assert_eq!(both.ask(by_name).await.at("/user/sessions"), &sessions);

    let by_event =
        "query($id: ID!) { node(id: $id) { ... on AuditEvent { user { sessions { totalCount } } } } }";
    let auditor = app.with_roles("another-auditor", &["audit:read"]).await;
    let answer = auditor.ask_with(by_event, json!({ "id": event })).await;
    answer.assert_done();
    assert_eq!(answer.at("/node/user/sessions"), &Value::Null);
}

#[tokio::test]
async fn a_session_is_ended_by_its_owner_or_by_sessions_write() {
    let app = TestApp::with(roles).await;
    let (ada, bob) = (app.signed_in("ada").await, app.signed_in("bob").await);
    let reader = app.with_roles("reader", &["sessions:read", "users:read"]).await;
    let writer = app.with_roles("writer", &["sessions:write"]).await;
    let input = json!({ "id": ada.session_id });
    let selection = "session { id current user { email } } errors { code field }";
    for other in [&bob, &reader] {
        other.mutate("revokeSession", input.clone(), selection).await.assert_refused("NOT_FOUND");
        ada.ask("{ me { id } }").await.assert_done();
    }
    let revoked = writer.mutate("revokeSession", input.clone(), selection).await;
    let session = json!({ "id": ada.session_id, "current": false, "user": { "email": null } });
    assert_eq!(revoked.assert_done().at("/it/session"), &session);
    ada.ask("{ me { id } }").await.assert_failed("UNAUTHENTICATED");
    writer.mutate("revokeSession", input, selection).await.assert_refused("NOT_FOUND");

    let own = bob.mutate("revokeSession", json!({ "id": bob.session_id }), selection).await;
    assert_eq!(own.assert_done().at("/it/session/current"), true);
    bob.ask("{ me { id } }").await.assert_failed("UNAUTHENTICATED");
}

#[tokio::test]
async fn nobody_gains_power_over_the_server_by_changing_accounts() {
    let app = TestApp::with(|config| {
        roles(config);
        let helpdesk = ["users:read", "users:write"].map(ToOwned::to_owned).to_vec();
        config.roles.insert("helpdesk".to_owned(), RoleConfig::new(helpdesk));
        config.roles.insert("editor".to_owned(), RoleConfig::new(["posts:write"]));
    })
    .await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let auditor = app.with_roles("auditor", &["audit:read"]).await;
    let help = app.with_roles("help", &["helpdesk"]).await;
    let (new, known) = ("another long phrase for it", "errors { code } user { roles }");
    let of = |client: &Client| json!(client.user_id);
    let (all, audit) = (json!([["sessions:read", "sessions:write", "audit:read"]]), json!([["audit:read"]]));
    for (mutation, input, beyond) in [
        ("updateUser", json!({ "id": of(&root), "password": new }), &all),
        ("updateUser", json!({ "id": of(&root), "email": "help@example.com" }), &all),
        ("updateUser", json!({ "id": of(&root), "disabled": true }), &all),
        ("updateUser", json!({ "id": of(&help), "roles": ["admin"] }), &all),
        ("updateUser", json!({ "id": of(&ada), "roles": ["user", "audit:read"] }), &audit),
        ("updateUser", json!({ "id": of(&auditor), "roles": [] }), &audit),
        ("createUser", json!({ "username": "eve", "password": new, "roles": ["admin"] }), &all),
    ] {
        let answer = help.mutate(mutation, input, known).await;
        answer.assert_failed("FORBIDDEN");
        assert_eq!(&answer.error()["requiredScopes"], beyond, "{mutation}");
    }
    let deleted = help.mutate("deleteUser", json!({ "id": of(&auditor) }), "errors { code }").await;
    deleted.assert_failed("FORBIDDEN");
    let users = root.ask("{ users(first: 100) { nodes { username roles disabled email } } }").await;
    let users = users.at("/users/nodes").to_string();
    assert!(!users.contains("eve") && !users.contains("help@example.com"), "{users}");
    for client in [&root, &auditor] {
        client.ask("{ me { id } }").await.assert_done();
    }
    // What opens nothing here is not ours to keep from them.
    let editor = json!({ "id": of(&ada), "roles": ["editor"], "password": new });
    let answer = help.mutate("updateUser", editor, known).await;
    assert_eq!(answer.assert_done().at("/it/user/roles"), &json!(["editor"]));
    help.mutate("updateUser", json!({ "id": of(&help), "displayName": "Help" }), known).await.assert_done();
    help.mutate("deleteUser", json!({ "id": of(&ada) }), "errors { code }").await.assert_done();
    root.mutate("updateUser", json!({ "id": of(&help), "roles": ["admin"] }), known).await.assert_done();
}

#[tokio::test]
async fn nobody_takes_an_account_over_while_it_is_being_promoted() {
    let app = TestApp::with(|config| {
        let helpdesk = ["users:read", "users:write"].map(ToOwned::to_owned).to_vec();
        config.roles.insert("helpdesk".to_owned(), RoleConfig::new(helpdesk));
    })
    .await;
    let help = app.with_roles("help", &["helpdesk"]).await;
    for (number, (mutation, change)) in [
        ("updateUser", json!({ "password": OTHER_PASSWORD })),
        ("updateUser", json!({ "email": "help@example.com" })),
        ("updateUser", json!({ "disabled": true })),
        ("updateUser", json!({ "roles": [] })),
        ("deleteUser", json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("ada{number}");
        let ada = app.signed_in(&name).await;
        let mut input = change;
        input["id"] = json!(ada.user_id);
        // From now on the server remembers the account as it is, and a check before the transaction passes.
        assert_eq!(kind_of(&ada.user_id, &help).await, "User");
        let promotion = app.app.database.begin().await.expect("a transaction");
        for sql in [
            "INSERT INTO user_roles (user_id, role) SELECT id, 'admin' FROM users WHERE username = ",
            "UPDATE users SET epoch = epoch + 1 WHERE username = ",
        ] {
            promotion.execute_unprepared(&format!("{sql}'{name}'")).await.expect("the account is there");
        }
        let sender = help.clone();
        let mut asking =
            JoinSet::from_iter([async move { sender.mutate(mutation, input, "errors { code }").await }]);
        wait_for_waiter(&app, &promotion).await;
        promotion.commit().await.expect("it commits");
        let answer = asking.join_next().await.expect("one request").expect("the server answers");
        answer.assert_failed("FORBIDDEN");
        let mut ada = app.anonymous();
        ada.log_in(&name, PASSWORD).await.assert_done();
        let me = ada.ask("{ me { email disabled roles } }").await;
        assert_eq!(me.at("/me"), &json!({ "email": null, "disabled": false, "roles": ["admin", "user"] }));
    }
}
