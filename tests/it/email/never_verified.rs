//! Accounts whose address is never verified are deleted after a time, and no others are.

use std::time::Duration;

use portcullis::{config::UsernamePolicy, worker::Cleanup};
use serde_json::{Value, json};

use super::{ADDRESS, assert_failed, by_token, request, verify};
use crate::support::{AUTH, PASSWORD, TestApp, USER};

const LIFETIME: Duration = Duration::from_hours(7 * 24);
const LIFETIME_BUT_AN_HOUR: Duration = Duration::from_hours(7 * 24 - 1);
const HOUR: Duration = Duration::from_hours(1);

async fn app() -> TestApp {
    TestApp::with(|config| config.accounts.verify_before_sign_in = true).await
}

async fn register(app: &TestApp, username: &str, address: &str) {
    let input = json!({ "username": username, "password": PASSWORD, "email": address });
    assert_failed(&app.anonymous().mutate("register", input, AUTH).await, "EMAIL_NOT_VERIFIED");
}

/// Runs the cleanup until the given time has passed, often enough that the clock does not seem to jump.
async fn pass(app: &TestApp, time: Duration) {
    let cleanup = Cleanup::new((*app.app).clone());
    let mut passed = Duration::ZERO;
    while passed < time {
        cleanup.run().await;
        app.wait(HOUR);
        passed += HOUR;
    }
    cleanup.run().await;
}

/// The usernames of all accounts, sorted, as an administrator sees them.
async fn usernames(app: &TestApp) -> Vec<String> {
    let mut root = app.anonymous();
    root.log_in("root", PASSWORD).await.assert_done();
    let query = "{ users(first: 100, orderBy: { field: USERNAME }) { nodes { username } } }";
    let nodes = root.ask(query).await.assert_done().at("/users/nodes").as_array().expect("a list").clone();
    nodes.iter().map(|node| node["username"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn an_account_whose_address_is_never_verified_is_deleted_after_a_week() {
    let app = app().await;
    app.admin().await;
    register(&app, "ada", ADDRESS).await;
    pass(&app, LIFETIME_BUT_AN_HOUR).await;
    assert_eq!(usernames(&app).await, ["ada", "root"]);
    pass(&app, HOUR).await;
    assert_eq!(usernames(&app).await, ["root"]);
    let mut root = app.anonymous();
    root.log_in("root", PASSWORD).await.assert_done();
    let query = "{ auditEvents(first: 100, filter: { actions: [USER_DELETED] }) { nodes { actor { id } } } }";
    let events = root.ask(query).await;
    assert_eq!(events.assert_done().at("/auditEvents/nodes"), &json!([{ "actor": Value::Null }]));
    register(&app, "ada", ADDRESS).await;
}

#[tokio::test]
async fn an_account_with_a_verified_address_stays() {
    let app = app().await;
    app.admin().await;
    register(&app, "ada", ADDRESS).await;
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    pass(&app, LIFETIME).await;
    assert_eq!(usernames(&app).await, ["ada", "root"]);
}

#[tokio::test]
async fn an_account_that_has_signed_in_stays() {
    let app = app().await;
    let root = app.admin().await;
    register(&app, "ada", ADDRESS).await;
    let client = app.anonymous();
    request(&client, "requestPasswordReset", ADDRESS).await;
    let proof = by_token(&app.newest_message(ADDRESS).await.token);
    let reset =
        client.mutate("resetPassword", json!({ "proof": proof, "newPassword": PASSWORD }), AUTH).await;
    let id = reset.assert_done().at("/it/user/id").clone();
    // An administrator sets an address that nobody has verified.
    let input = json!({ "id": id, "email": "other@example.com" });
    root.mutate("updateUser", input, USER).await.assert_done();
    pass(&app, LIFETIME).await;
    assert_eq!(usernames(&app).await, ["ada", "root"]);
}

#[tokio::test]
async fn an_account_that_an_administrator_has_created_invited_or_imported_stays() {
    let app = app().await;
    let root = app.admin().await;
    let input = json!({ "username": "created", "email": "created@example.com", "password": PASSWORD });
    root.mutate("createUser", input, USER).await.assert_done();
    let input = json!({ "username": "invited", "email": "invited@example.com" });
    root.mutate("inviteUser", input, USER).await.assert_done();
    import(&app, "imported").await;
    pass(&app, LIFETIME * 2).await;
    assert_eq!(usernames(&app).await, ["created", "imported", "invited", "root"]);
}

/// Imports an account with an unverified address.
async fn import(app: &TestApp, username: &str) {
    let imported = portcullis::accounts::ImportedAccount {
        id: None,
        username: portcullis::accounts::Username::parse(username).expect("a username"),
        display_name: None,
        email: portcullis::accounts::EmailAddress::parse("imported@example.com").ok(),
        email_verified: false,
        locale: None,
        picture_url: None,
        metadata: None,
        app_metadata: None,
        roles: Vec::new(),
        disabled: false,
        created_at: None,
        updated_at: None,
        last_login_at: None,
    };
    let transaction = app.app.database.begin().await.expect("a transaction");
    app.app.accounts.import(&transaction, &[(&imported, "")]).await.expect("it is imported");
    transaction.commit().await.expect("it commits");
}

#[tokio::test]
async fn an_account_stays_while_its_link_is_valid() {
    let app = app().await;
    app.admin().await;
    register(&app, "ada", ADDRESS).await;
    pass(&app, LIFETIME_BUT_AN_HOUR).await;
    request(&app.anonymous(), "requestEmailVerification", ADDRESS).await;
    let token = app.newest_message(ADDRESS).await.token;
    pass(&app, HOUR * 23).await;
    verify(&app, &token).await.assert_done();
    pass(&app, LIFETIME).await;
    assert_eq!(usernames(&app).await, ["ada", "root"]);
}

#[tokio::test]
async fn an_account_whose_address_an_administrator_removes_stays() {
    let app = app().await;
    let root = app.admin().await;
    register(&app, "ada", ADDRESS).await;
    let id = root.ask("{ user(username: \"ada\") { id } }").await.at("/user/id").clone();
    root.mutate("updateUser", json!({ "id": id, "email": null }), USER).await.assert_done();
    pass(&app, LIFETIME).await;
    assert_eq!(usernames(&app).await, ["ada", "root"]);
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn nothing_is_deleted_without_a_lifetime_or_where_an_address_need_not_be_verified() {
    let apps = [
        TestApp::with(|config| {
            config.accounts.verify_before_sign_in = true;
            config.accounts.unverified_lifetime = Duration::ZERO;
        })
        .await,
        TestApp::start().await,
    ];
    for app in apps {
        app.admin().await;
        let input = json!({ "username": "ada", "password": PASSWORD, "email": ADDRESS });
        app.anonymous().mutate("register", input, "errors { code }").await;
        pass(&app, LIFETIME * 2).await;
        assert_eq!(usernames(&app).await, ["ada", "root"]);
    }
}

#[tokio::test]
async fn a_second_registration_with_a_verified_address_is_deleted_and_its_owner_stays() {
    let app = TestApp::with(|config| {
        config.accounts.verify_before_sign_in = true;
        config.accounts.username = UsernamePolicy::Email;
    })
    .await;
    app.admin().await;
    let register = async || {
        let input = json!({ "password": PASSWORD, "email": ADDRESS });
        assert_failed(&app.anonymous().mutate("register", input, AUTH).await, "EMAIL_NOT_VERIFIED");
    };
    register().await;
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    register().await;
    assert_eq!(usernames(&app).await.len(), 3);
    pass(&app, LIFETIME).await;
    assert_eq!(usernames(&app).await, [ADDRESS, "root"]);
}
