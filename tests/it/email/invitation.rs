use std::time::Duration;

use serde_json::{Value, json};

use super::{ADDRESS, assert_failed};
use crate::support::{AUTH, Answer, Client, PASSWORD, TestApp, USER};

async fn invite(admin: &Client, more: Value) -> Answer {
    let mut input = json!({ "email": ADDRESS });
    input.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    admin.mutate("inviteUser", input, USER).await
}

async fn accept(client: &Client, input: Value) -> Answer {
    client.mutate("acceptInvitation", input, AUTH).await
}

#[tokio::test]
async fn an_invited_person_chooses_a_password_and_is_signed_in() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    invite(&root, json!({ "username": "ada", "displayName": "Ada" })).await.assert_done();
    let token = app.newest_message(ADDRESS).await.token;
    for password in ["", PASSWORD] {
        assert_failed(&app.anonymous().log_in("ada", password).await, "INVALID_CREDENTIALS");
    }
    let mut ada = app.anonymous();
    assert_failed(&accept(&ada, json!({ "token": token, "password": "short" })).await, "PASSWORD_TOO_SHORT");
    let accepted = accept(&ada, json!({ "token": token, "password": PASSWORD })).await;
    ada.keep(accepted).assert_done();
    let me = ada.ask("{ me { username displayName email emailVerified } }").await;
    let expected =
        json!({ "username": "ada", "displayName": "Ada", "email": ADDRESS, "emailVerified": true });
    assert_eq!(me.at("/me"), &expected);
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
    assert_failed(&accept(&ada, json!({ "token": token, "password": PASSWORD })).await, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn an_invited_person_may_choose_another_username() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    app.signed_in("taken").await;
    assert_eq!(invite(&root, json!({})).await.assert_done().at("/it/user/username"), ADDRESS);
    let token = app.newest_message(ADDRESS).await.token;
    let client = app.anonymous();
    let with = |username: &str| json!({ "token": token, "username": username, "password": PASSWORD });
    assert_failed(&accept(&client, with("Taken")).await, "USERNAME_TAKEN");
    assert_failed(&accept(&client, with("a b")).await, "USERNAME_INVALID");
    assert_eq!(accept(&client, with("countess")).await.assert_done().at("/it/user/username"), "countess");
    app.anonymous().log_in("countess", PASSWORD).await.assert_done();
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
}

#[tokio::test]
async fn an_invitation_expires_after_three_days() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    invite(&root, json!({ "username": "ada" })).await.assert_done();
    let token = app.newest_message(ADDRESS).await.token;
    app.wait(Duration::from_hours(72));
    let late = accept(&app.anonymous(), json!({ "token": token, "password": PASSWORD })).await;
    assert_failed(&late, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn only_an_administrator_invites_and_grants_no_more_than_they_have() {
    let app = TestApp::with(|config| {
        config.roles.insert("helpdesk".to_owned(), portcullis::config::RoleConfig::new(["users:write"]));
    })
    .await;
    let ada = app.signed_in("ada").await;
    assert_eq!(invite(&ada, json!({})).await.code(), "FORBIDDEN");
    let helper = app.with_roles("helper", &["helpdesk"]).await;
    assert_eq!(invite(&helper, json!({ "roles": ["admin"] })).await.code(), "FORBIDDEN");
    assert!(app.messages(ADDRESS).await.is_empty());
    invite(&helper, json!({ "roles": ["user"] })).await.assert_done();
}

#[tokio::test]
async fn an_invitation_in_an_invalid_language_or_with_a_confusable_name_is_refused_and_sends_nothing() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    app.signed_in("alice").await;
    for (input, code) in [
        (json!({ "locale": "english" }), "BAD_USER_INPUT"),
        (json!({ "locale": "../../etc" }), "BAD_USER_INPUT"),
        (json!({ "locale": "<b>" }), "BAD_USER_INPUT"),
    ] {
        assert_eq!(invite(&root, input.clone()).await.code(), code, "{input}");
    }
    for (name, code) in
        [("Alice", "USERNAME_TAKEN"), ("аlice", "USERNAME_TAKEN"), ("a/b", "USERNAME_INVALID")]
    {
        assert_failed(&invite(&root, json!({ "username": name })).await, code);
    }
    assert!(app.messages(ADDRESS).await.is_empty());
    assert_eq!(app.app.accounts.find_by_username(ADDRESS).await.expect("an answer"), None);
    invite(&root, json!({ "locale": "de_at" })).await.assert_done();
    let message = app.newest_message(ADDRESS).await.text;
    assert!(message.contains("ein Konto"), "{message}");
    // An administrator may give a reserved name.
    let input = json!({ "username": "support", "email": "help@example.com" });
    invite(&root, input).await.assert_done();
}

#[tokio::test]
async fn an_invited_person_chooses_no_name_that_is_reserved_confusable_or_taken() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    app.signed_in("alice").await;
    invite(&root, json!({ "username": "ada" })).await.assert_done();
    let token = app.newest_message(ADDRESS).await.token;
    let client = app.anonymous();
    let with = |username: &str| json!({ "token": token, "username": username, "password": PASSWORD });
    for (name, code) in [
        ("admin", "USERNAME_INVALID"),
        ("r00t", "USERNAME_INVALID"),
        ("Suppоrt", "USERNAME_INVALID"),
        ("a/b", "USERNAME_INVALID"),
        ("alice", "USERNAME_TAKEN"),
        ("аlice", "USERNAME_TAKEN"),
        ("aIice", "USERNAME_TAKEN"),
    ] {
        assert_failed(&accept(&client, with(name)).await, code);
    }
    assert_failed(&app.anonymous().log_in("ada", PASSWORD).await, "INVALID_CREDENTIALS");
    // A refused name does not use the link. The own name in another spelling is not that of another account.
    assert_eq!(accept(&client, with("Ada")).await.assert_done().at("/it/user/username"), "Ada");
}
