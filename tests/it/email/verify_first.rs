use portcullis::config::{Config, MailTransport};
use serde_json::{Value, json};

use super::{ADDRESS, CHALLENGE, VERIFIED, assert_failed, by_code, verify};
use crate::support::{Answer, Client, PASSWORD, TestApp};

const FIRST: &str = "accessToken user { id } challenge { token methods } errors { code message field }";

async fn app() -> TestApp {
    TestApp::with(|config| config.accounts.verify_before_sign_in = true).await
}

async fn register(client: &Client, username: &str, email: Option<&str>) -> Answer {
    let input = json!({ "username": username, "password": PASSWORD, "email": email });
    client.mutate("register", input, FIRST).await
}

#[tokio::test]
async fn registration_waits_for_the_code() {
    let app = app().await;
    let client = app.anonymous();
    let registered = register(&client, "ada", Some(ADDRESS)).await;
    assert_failed(&registered, "EMAIL_NOT_VERIFIED");
    assert_eq!(registered.at("/it/accessToken"), &Value::Null);
    assert_eq!(registered.at("/it/challenge/methods"), &json!(["EMAIL_LINK", "EMAIL_CODE"]));
    let challenge = registered.at("/it/challenge/token").as_str().expect("a challenge");
    let login = client.mutate("login", json!({ "username": "ada", "password": PASSWORD }), FIRST).await;
    assert_failed(&login, "EMAIL_NOT_VERIFIED");
    let renewed = login.at("/it/challenge/token").as_str().expect("a challenge");
    let code = app.newest_message(ADDRESS).await.code;
    let with = |challenge: &str| json!({ "proof": by_code(challenge, &code) });
    assert_failed(&client.mutate("verifyEmail", with(challenge), VERIFIED).await, "INVALID_CHALLENGE");
    client.mutate("verifyEmail", with(renewed), VERIFIED).await.assert_done();
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn registration_with_an_address_that_is_taken_looks_the_same_and_its_owner_is_told() {
    let app = app().await;
    register(&app.anonymous(), "ada", Some(ADDRESS)).await;
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    let free = register(&app.anonymous(), "bob", Some("bob@example.com")).await;
    let taken = register(&app.anonymous(), "eve", Some(ADDRESS)).await;
    let shape = |answer: &Answer| {
        let mut payload = answer.at("/it").clone();
        let token = payload["challenge"]["token"].take();
        (payload, token.as_str().map(str::len))
    };
    assert_eq!(shape(&free), shape(&taken));
    let told = app.newest_message(ADDRESS).await;
    assert!(told.token.is_empty() && told.code.is_empty() && told.text.contains("ada"), "{}", told.text);
    let german = app.anonymous().header("accept-language", "de");
    register(&german, "otto", Some(ADDRESS)).await;
    let told = app.newest_message(ADDRESS).await.text.replace("\r\n", " ");
    assert!(told.contains("kann nicht für ein zweites Konto verwendet werden"), "{told}");
    assert!(!told.contains("nicht angelegt"), "an account was created: {told}");
    assert_failed(&app.anonymous().log_in("eve", PASSWORD).await, "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn a_wrong_password_does_not_reveal_that_the_address_is_unverified() {
    let app = app().await;
    register(&app.anonymous(), "ada", Some(ADDRESS)).await;
    assert_failed(&app.anonymous().log_in("ada", "wrong horse battery staple").await, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn an_account_needs_an_address_and_keeps_it() {
    let app = app().await;
    let refused = register(&app.anonymous(), "ada", None).await;
    assert_failed(&refused, "EMAIL_INVALID");
    assert_eq!(refused.at("/it/errors/0/field"), &json!(["input", "email"]));
    register(&app.anonymous(), "ada", Some(ADDRESS)).await;
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    let mut ada = app.anonymous();
    ada.log_in("ada", PASSWORD).await.assert_done();
    assert_failed(&ada.mutate("updateProfile", json!({ "email": null }), VERIFIED).await, "EMAIL_INVALID");
    // An account without an address, which an administrator has created, can sign in.
    app.admin().await.me().await.assert_done();
}

#[tokio::test]
async fn a_message_can_be_requested_again() {
    let app = app().await;
    let client = app.anonymous();
    register(&client, "ada", Some(ADDRESS)).await;
    let sent = client.mutate("requestEmailVerification", json!({ "email": ADDRESS }), CHALLENGE).await;
    let challenge = sent.assert_done().at("/it/challenge").as_str().expect("a challenge");
    let proof = json!({ "proof": by_code(challenge, &app.newest_message(ADDRESS).await.code) });
    client.mutate("verifyEmail", proof, VERIFIED).await.assert_done();
}

#[test]
fn a_server_that_sends_no_mail_cannot_require_verified_addresses() {
    let mut config = Config::default();
    config.accounts.verify_before_sign_in = true;
    assert!(config.check().is_ok());
    config.mail.transport = MailTransport::Off;
    let error = config.check().expect_err("no address could be verified").to_string();
    assert!(error.contains("accounts.verify_before_sign_in must be false"), "{error}");
}
