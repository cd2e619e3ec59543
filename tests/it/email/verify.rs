use std::time::Duration;

use serde_json::json;

use super::{
    ADDRESS, CHALLENGE, assert_failed, by_token, request, verify, with_address, with_verified_address,
};
use crate::support::{AUTH, OTHER_PASSWORD, PASSWORD, TestApp};

const OWN: &str = "{ me { email emailVerified pendingEmail } }";

#[tokio::test]
async fn a_link_verifies_the_address_on_any_device_and_once() {
    let app = TestApp::start().await;
    let ada = with_address(&app, "ada", ADDRESS).await;
    assert_eq!(ada.ask(OWN).await.at("/me/emailVerified"), false);
    let message = app.newest_message(ADDRESS).await;
    let verified = verify(&app, &message.token).await;
    assert_eq!(verified.assert_done().at("/it/user/username"), "ada");
    assert_eq!(ada.ask(OWN).await.at("/me/emailVerified"), true, "the session goes on");
    assert_failed(&verify(&app, &message.token).await, "INVALID_CHALLENGE");
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
    let events = app.admin().await.ask("{ auditEvents(last: 50) { nodes { action } } }").await;
    assert!(events.body.to_string().contains("EMAIL_VERIFIED"));
}

#[tokio::test]
async fn a_link_that_signs_nobody_in_shows_nothing_of_the_account_but_its_name() {
    let app = TestApp::start().await;
    with_address(&app, "ada", ADDRESS).await;
    let proof = json!({ "proof": by_token(&app.newest_message(ADDRESS).await.token) });
    let fields = "user { username email sessions { totalCount } }";
    let verified = app.anonymous().mutate("verifyEmail", proof, fields).await;
    let expected = json!({ "username": "ada", "email": null, "sessions": null });
    assert_eq!(verified.assert_done().at("/it/user"), &expected);
}

#[tokio::test]
async fn a_newer_message_voids_the_older_one() {
    let app = TestApp::start().await;
    let ada = with_address(&app, "ada", ADDRESS).await;
    let first = app.newest_message(ADDRESS).await;
    let again = format!("mutation {{ it: requestEmailVerification {{ {CHALLENGE} }} }}");
    ada.ask(&again).await.assert_done();
    assert_failed(&verify(&app, &first.token).await, "INVALID_CHALLENGE");
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    assert_failed(&ada.ask(&again).await, "NOT_FOUND");
    let anonymous = app.anonymous().ask(&again).await;
    assert_eq!(anonymous.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_link_expires() {
    let app = TestApp::start().await;
    with_address(&app, "ada", ADDRESS).await;
    let message = app.newest_message(ADDRESS).await;
    app.wait(Duration::from_hours(24));
    assert_failed(&verify(&app, &message.token).await, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn nonsense_in_place_of_a_token_is_refused() {
    let app = TestApp::start().await;
    for token in ["", "x", &"A".repeat(43), &"A".repeat(100_000), "\u{0}", "' OR 1=1 --"] {
        assert_failed(&verify(&app, token).await, "INVALID_CHALLENGE");
    }
    let both = json!({ "proof": { "token": "x", "code": { "challenge": "x", "code": "12345678" } } });
    assert_eq!(
        app.anonymous().mutate("verifyEmail", both, "errors { code } ").await.code(),
        "BAD_USER_INPUT"
    );
}

#[tokio::test]
async fn a_link_of_one_purpose_is_of_no_use_for_another() {
    let app = TestApp::with(|config| config.accounts.email_sign_in = true).await;
    with_address(&app, "ada", ADDRESS).await;
    let token = app.newest_message(ADDRESS).await.token;
    let anonymous = app.anonymous();
    let reset = json!({ "proof": by_token(&token), "newPassword": OTHER_PASSWORD });
    assert_failed(&anonymous.mutate("resetPassword", reset, AUTH).await, "INVALID_CHALLENGE");
    let login = json!({ "proof": by_token(&token) });
    assert_failed(&anonymous.mutate("loginWithEmail", login, AUTH).await, "INVALID_CHALLENGE");
    let accept = json!({ "token": token, "password": OTHER_PASSWORD });
    assert_failed(&anonymous.mutate("acceptInvitation", accept, AUTH).await, "INVALID_CHALLENGE");
    let undo = json!({ "token": token });
    assert_failed(&anonymous.mutate("undoEmailChange", undo, "errors { code }").await, "INVALID_CHALLENGE");
    verify(&app, &token).await.assert_done();
}

#[tokio::test]
async fn the_first_account_that_verifies_an_address_has_it() {
    let app = TestApp::start().await;
    with_address(&app, "ada", ADDRESS).await;
    let first = app.newest_message(ADDRESS).await;
    with_address(&app, "eve", ADDRESS).await;
    let second = app.newest_message(ADDRESS).await;
    verify(&app, &first.token).await.assert_done();
    assert_failed(&verify(&app, &second.token).await, "EMAIL_TAKEN");
}

#[tokio::test]
async fn an_address_that_needs_no_message_gets_none_and_the_response_is_the_same() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let sent = app.messages(ADDRESS).await.len();
    for address in [ADDRESS, "nobody@example.com"] {
        let challenge = request(&app.anonymous(), "requestEmailVerification", address).await;
        assert_eq!(challenge.len(), 43, "{address}");
    }
    assert_eq!(app.messages(ADDRESS).await.len(), sent);
    assert!(app.messages("nobody@example.com").await.is_empty());
}
