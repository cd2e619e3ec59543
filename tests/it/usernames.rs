//! Usernames that cannot be confused, and accounts whose username is their e-mail address.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis::config::UsernamePolicy;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{AUTH, Answer, OTHER_PASSWORD, PASSWORD, TestApp, USER, eventually};

async fn register(app: &TestApp, input: Value) -> Answer {
    let mut form = json!({ "password": PASSWORD });
    form.as_object_mut().expect("an object").extend(input.as_object().expect("an object").clone());
    app.anonymous().mutate("register", form, AUTH).await
}

async fn named(app: &TestApp, username: &str) -> Answer {
    register(app, json!({ "username": username })).await
}

#[tokio::test]
async fn a_name_that_looks_like_anothers_cannot_be_registered() {
    let app = TestApp::start().await;
    for name in ["alice", "Ivan", "modern", "織田"] {
        named(&app, name).await.assert_done();
    }
    // Cyrillic letters, a capital I, a small L, and rn.
    for name in ["аlice", "ALIСE", "aIice", "alіce", "lvan", "rnodern", "modem"] {
        let refused = named(&app, name).await;
        refused.assert_refused("USERNAME_TAKEN");
    }
    for name in ["alina", "alicia", "ivana", "lila", "ilia"] {
        named(&app, name).await.assert_done();
    }
    // An administrator can neither.
    let root = app.admin().await;
    let input = json!({ "username": "аlice", "password": PASSWORD });
    root.mutate("createUser", input, USER).await.assert_refused("USERNAME_TAKEN");
}

#[tokio::test]
async fn a_name_is_free_again_once_the_account_is_deleted() {
    let app = TestApp::start().await;
    let alice = app.signed_in("alice").await;
    named(&app, "аlice").await.assert_refused("USERNAME_TAKEN");
    alice.mutate("deleteAccount", json!({ "password": PASSWORD }), "errors { code }").await.assert_done();
    named(&app, "аlice").await.assert_done();
    named(&app, "alice").await.assert_refused("USERNAME_TAKEN");
}

#[tokio::test]
async fn of_many_who_register_names_that_look_alike_at_once_one_gets_one() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let names = ["scope", "ѕсоре", "sсope", "scоpe", "sсоpe"].repeat(4);
    let answers = join_all(names.into_iter().enumerate().map(|(number, name)| {
        let mut client = if number % 2 == 0 { app.anonymous() } else { replica.anonymous() };
        async move { client.register(name, PASSWORD).await }
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.codes().is_empty());
    assert_eq!((won.len(), lost.len()), (1, 19));
    for answer in lost {
        answer.assert_refused("USERNAME_TAKEN");
    }
}

#[tokio::test]
async fn nobody_registers_with_a_reserved_name() {
    let app = TestApp::start().await;
    for name in ["admin", "Administrator", "аdmin", "adm1n", "ROOT", "r00t", "rооt", "Suppоrt", "postmaster"]
    {
        named(&app, name).await.assert_refused("USERNAME_INVALID");
    }
    named(&app, "administrative").await.assert_done();
    let root = app.admin().await;
    let input = json!({ "username": "support", "password": PASSWORD });
    root.mutate("createUser", input, USER).await.assert_done();

    let app = TestApp::with(|config| config.accounts.reserved_names = vec!["Acme".to_owned()]).await;
    named(&app, "асme").await.assert_refused("USERNAME_INVALID");
    named(&app, "support").await.assert_done();
}

#[tokio::test]
async fn a_name_has_only_the_permitted_signs() {
    let app = TestApp::start().await;
    for name in ["a/b", "a'b", "a#b", "a:b", "a,b", "<b>", "a\\b", "a%b", "a$b"] {
        named(&app, name).await.assert_refused("USERNAME_INVALID");
    }
    for name in ["a.b_c-d+e@f", "Ёлка7", "नमस्ते"] {
        named(&app, name).await.assert_done();
    }
    let app = TestApp::with(|config| config.accounts.username_characters = "/".to_owned()).await;
    named(&app, "a/b").await.assert_done();
    named(&app, "a.b").await.assert_refused("USERNAME_INVALID");
}

#[tokio::test]
async fn accounts_of_an_earlier_release_keep_their_names_and_are_compared() {
    let app = TestApp::start().await;
    for name in ["alice", "bob"] {
        named(&app, name).await.assert_done();
    }
    // As an earlier release has written them, with names that are not permitted any more.
    for sql in [
        "UPDATE users SET username_skeleton = NULL, displayed_skeleton = NULL",
        "UPDATE users SET username = 'b/ob', username_key = 'b/ob' WHERE username = 'bob'",
    ] {
        app.app.database.writer().execute_unprepared(sql).await.expect("the rows change");
    }
    app.anonymous().log_in("b/ob", PASSWORD).await.assert_done();
    let restarted = app.replica().await;
    eventually(async || {
        let name = app.app.accounts.compute_skeletons(1).await.expect("the database answers");
        name == 0
    })
    .await;
    named(&restarted, "аlice").await.assert_refused("USERNAME_TAKEN");
    restarted.anonymous().log_in("b/ob", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_username_is_required_by_default() {
    let app = TestApp::start().await;
    register(&app, json!({ "email": "ada@example.com" })).await.assert_refused("USERNAME_INVALID");
}

#[tokio::test]
async fn without_a_username_the_address_signs_in() {
    for policy in [UsernamePolicy::Optional, UsernamePolicy::Email] {
        let app = TestApp::with(|config| config.accounts.username = policy).await;
        register(&app, json!({ "email": "Ada.O'Hara@example.com" })).await.assert_done();
        let signed_in = app.anonymous().log_in("ada.o'hara@EXAMPLE.com", PASSWORD).await;
        assert_eq!(signed_in.assert_done().at("/it/user/username"), "Ada.O'Hara@example.com");
        register(&app, json!({ "email": "ada.o'hara@example.com" })).await.assert_refused("USERNAME_TAKEN");
        // Real addresses look alike.
        register(&app, json!({ "email": "modern@example.com" })).await.assert_done();
        register(&app, json!({ "email": "modem@example.com" })).await.assert_done();
        register(&app, json!({})).await.assert_refused("EMAIL_INVALID");
        register(&app, json!({ "email": "ada" })).await.assert_refused("EMAIL_INVALID");
        let long = format!("{}@example.com", "a".repeat(60));
        register(&app, json!({ "email": long })).await.assert_refused("EMAIL_INVALID");
        let named = register(&app, json!({ "username": "bob", "email": "bob@example.com" })).await;
        match policy {
            UsernamePolicy::Email => named.assert_refused("USERNAME_INVALID"),
            _ => named.assert_done(),
        };
    }
}

#[tokio::test]
async fn a_username_that_is_the_address_follows_it() {
    let app = TestApp::with(|config| config.accounts.username = UsernamePolicy::Email).await;
    let mut ada = app.anonymous();
    let form = json!({ "email": "ada@example.com", "password": PASSWORD });
    let registered = ada.mutate("register", form, AUTH).await;
    ada.keep(registered).assert_done();
    register(&app, json!({ "email": "bob@example.com" })).await.assert_done();
    let taken = ada.mutate("updateProfile", json!({ "email": "Bob@example.com" }), USER).await;
    taken.assert_refused("USERNAME_TAKEN");
    app.wait(Duration::from_secs(1));
    let changed = ada.mutate("updateProfile", json!({ "email": "ada@example.org" }), USER).await;
    assert_eq!(changed.assert_done().at("/it/user/username"), "ada@example.org");
    ada.refresh().await.assert_done();
    app.anonymous().log_in("ada@example.com", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    app.anonymous().log_in("ada@example.org", OTHER_PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    app.anonymous().log_in("ada@example.org", PASSWORD).await.assert_done();
    // The old address is free.
    register(&app, json!({ "email": "ada@example.com" })).await.assert_done();
}
