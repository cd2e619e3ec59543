use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ADDRESS, CHALLENGE, assert_failed, by_code, by_token, request, with_address, with_verified_address,
};
use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, spawn_all};

async fn reset(client: &Client, proof: Value, password: &str) -> Answer {
    client.mutate("resetPassword", json!({ "proof": proof, "newPassword": password }), AUTH).await
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_the_link() {
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    let mut person = app.anonymous();
    request(&person, "requestPasswordReset", ADDRESS).await;
    let message = app.newest_message(ADDRESS).await;
    let signed_in = reset(&person, by_token(&message.token), OTHER_PASSWORD).await;
    person.keep(signed_in).assert_done();
    assert_eq!(person.me().await.at("/me/id"), ada.user_id.as_str());
    assert_eq!(ada.me().await.code(), "UNAUTHENTICATED", "every other session has ended");
    assert_failed(&app.anonymous().log_in("ada", PASSWORD).await, "INVALID_CREDENTIALS");
    app.anonymous().log_in("ada", OTHER_PASSWORD).await.assert_done();
    assert_failed(&reset(&person, by_token(&message.token), PASSWORD).await, "INVALID_CHALLENGE");
    let notice = app.newest_message(ADDRESS).await;
    assert!(notice.token.is_empty() && notice.code.is_empty(), "the owner is told");
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_the_code() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let client = app.anonymous();
    let challenge = request(&client, "requestPasswordReset", "ADA@example.com").await;
    let code = app.newest_message(ADDRESS).await.code;
    reset(&client, by_code(&challenge, &code), OTHER_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_password_that_is_refused_uses_neither_the_link_nor_an_attempt() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let client = app.anonymous();
    let challenge = request(&client, "requestPasswordReset", ADDRESS).await;
    let message = app.newest_message(ADDRESS).await;
    for _ in 0..6 {
        let refused = reset(&client, by_code(&challenge, &message.code), "short").await;
        assert_failed(&refused, "PASSWORD_TOO_SHORT");
        assert_eq!(refused.at("/it/errors/0/field"), &json!(["input", "newPassword"]));
        assert_failed(&reset(&client, by_token(&message.token), "short").await, "PASSWORD_TOO_SHORT");
    }
    reset(&client, by_code(&challenge, &message.code), OTHER_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_request_reveals_nothing_about_the_address() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    with_address(&app, "bob", "bob@example.com").await;
    let eve = with_verified_address(&app, "eve", "eve@example.com").await;
    root.mutate("updateUser", json!({ "id": eve.user_id, "disabled": true }), "errors { code }")
        .await
        .assert_done();
    let shape = |answer: &Answer| {
        let payload = answer.at("/it").as_object().expect("a payload").clone();
        let challenge = payload["challenge"].as_str().map(str::len);
        (
            challenge,
            payload["expiresAt"].is_string(),
            payload["resendAfter"].clone(),
            payload["errors"].clone(),
        )
    };
    let mut shapes = Vec::new();
    let before = app.messages("eve@example.com").await.len();
    for address in [ADDRESS, "bob@example.com", "eve@example.com", "nobody@example.com"] {
        let answer =
            app.anonymous().mutate("requestPasswordReset", json!({ "email": address }), CHALLENGE).await;
        shapes.push(shape(&answer));
    }
    assert!(shapes.iter().all(|other| *other == shapes[0]), "{shapes:?}");
    assert_eq!(app.messages("eve@example.com").await.len(), before, "a disabled account gets no message");
    assert!(app.messages("nobody@example.com").await.is_empty());
    assert!(!app.newest_message(ADDRESS).await.token.is_empty());
}

#[tokio::test]
async fn nothing_of_an_intruder_remains_after_a_reset() {
    let app = TestApp::with(|config| config.accounts.email_sign_in = true).await;
    let intruder = with_verified_address(&app, "ada", ADDRESS).await;
    // The intruder has a session, a pending address with its link, and another link that signs in.
    let change = json!({ "email": "eve@example.com" });
    intruder.mutate("updateProfile", change, "errors { code }").await.assert_done();
    let pending = app.newest_message("eve@example.com").await;
    let login = request(&intruder, "requestLoginEmail", ADDRESS).await;
    let login_message = app.newest_message(ADDRESS).await;
    let stale = request(&app.anonymous(), "requestPasswordReset", ADDRESS).await;
    let stale_code = app.newest_message(ADDRESS).await.code;

    let mut owner = app.anonymous();
    request(&owner, "requestPasswordReset", ADDRESS).await;
    let token = app.newest_message(ADDRESS).await.token;
    let signed_in = reset(&owner, by_token(&token), OTHER_PASSWORD).await;
    owner.keep(signed_in).assert_done();

    assert_eq!(intruder.me().await.code(), "UNAUTHENTICATED");
    assert_failed(&intruder.clone().refresh().await, "INVALID_REFRESH_TOKEN");
    assert_failed(&super::verify(&app, &pending.token).await, "INVALID_CHALLENGE");
    for proof in [by_token(&login_message.token), by_code(&login, &login_message.code)] {
        let answer = intruder.mutate("loginWithEmail", json!({ "proof": proof }), AUTH).await;
        assert_failed(&answer, "INVALID_CHALLENGE");
    }
    assert_failed(&reset(&intruder, by_code(&stale, &stale_code), PASSWORD).await, "INVALID_CHALLENGE");
    let me = owner.ask("{ me { email emailVerified pendingEmail sessions { totalCount } } }").await;
    let expected = json!({ "email": ADDRESS, "emailVerified": true, "pendingEmail": null, "sessions": { "totalCount": 1 } });
    assert_eq!(me.at("/me"), &expected);
}

#[tokio::test]
async fn one_link_resets_once_however_many_requests_use_it_at_once() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    request(&app.anonymous(), "requestPasswordReset", ADDRESS).await;
    let token = app.newest_message(ADDRESS).await.token;
    let attempt = |number: u32| {
        let (client, token) = (app.anonymous(), token.clone());
        async move { reset(&client, by_token(&token), &format!("{OTHER_PASSWORD} {number}")).await }
    };
    let answers = spawn_all((0..8).map(attempt)).await;
    let done = answers.iter().filter(|answer| answer.at("/it/accessToken").is_string());
    assert_eq!(done.count(), 1);
}

#[tokio::test]
async fn a_link_expires_and_a_changed_password_or_address_voids_it() {
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    let next_token = async || {
        request(&app.anonymous(), "requestPasswordReset", ADDRESS).await;
        app.newest_message(ADDRESS).await.token
    };
    let token = next_token().await;
    app.wait(Duration::from_mins(30));
    assert_failed(&reset(&app.anonymous(), by_token(&token), OTHER_PASSWORD).await, "INVALID_CHALLENGE");

    let token = next_token().await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let mut ada = ada;
    let changed = ada.mutate("changePassword", change, AUTH).await;
    ada.keep(changed).assert_done();
    assert_failed(&reset(&app.anonymous(), by_token(&token), PASSWORD).await, "INVALID_CHALLENGE");

    let token = next_token().await;
    let change = json!({ "email": "new@example.com" });
    ada.mutate("updateProfile", change, "errors { code }").await.assert_done();
    super::verify(&app, &app.newest_message("new@example.com").await.token).await.assert_done();
    assert_failed(&reset(&app.anonymous(), by_token(&token), PASSWORD).await, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn a_disabled_account_stays_out() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, with_verified_address(&app, "ada", ADDRESS).await);
    request(&app.anonymous(), "requestPasswordReset", ADDRESS).await;
    let token = app.newest_message(ADDRESS).await.token;
    root.mutate("updateUser", json!({ "id": ada.user_id, "disabled": true }), "errors { code }")
        .await
        .assert_done();
    assert_failed(&reset(&app.anonymous(), by_token(&token), OTHER_PASSWORD).await, "INVALID_CHALLENGE");
}
