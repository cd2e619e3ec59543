//! Registration with a passkey and without a password.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Authenticator, STARTED, log_in, start};
use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, decode};

async fn start_registration(client: &Client, profile: Value) -> Answer {
    client.mutate("startPasskeyRegistration", profile, STARTED).await
}

async fn finish_registration(
    client: &mut Client,
    profile: Value,
    (challenge, credential): (&Value, Value),
) -> Answer {
    let mut input = profile;
    input["challenge"] = challenge.clone();
    input["credential"] = credential;
    let answer = client.mutate("registerWithPasskey", input, AUTH).await;
    client.keep(answer)
}

/// Registers an account without a password.
async fn register(app: &TestApp, profile: Value) -> (Client, Authenticator) {
    let (mut client, mut authenticator) = (app.anonymous(), Authenticator::es256());
    let started = start_registration(&client, profile.clone()).await;
    started.assert_done();
    let (challenge, options) = (started.at("/it/challenge"), started.at("/it/options"));
    let credential = authenticator.create(options);
    finish_registration(&mut client, profile, (challenge, credential)).await.assert_done();
    (client, authenticator)
}

#[tokio::test]
async fn an_account_is_created_with_a_passkey_and_without_a_password() {
    let app = TestApp::start().await;
    let profile = json!({ "username": "ada", "displayName": "Ada Lovelace" });
    let started = start_registration(&app.anonymous(), profile.clone()).await;
    let user = started.assert_done().at("/it/options/user");
    assert_eq!((&user["name"], &user["displayName"]), (&json!("ada"), &json!("Ada Lovelace")));
    let (client, mut authenticator) = register(&app, profile).await;
    let codes = client.ask("{ me { recoveryCodes { remaining } } }").await;
    assert_eq!(codes.at("/me/recoveryCodes/remaining"), 10, "they complete a reset without the passkey");
    let claims = decode(client.token.as_deref().expect("a token")).1;
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pop", "user", "mfa"])));
    let (_, answer) = log_in(&app, &mut authenticator).await;
    assert_eq!(answer.assert_done().at("/it/user/username"), "ada");
    for password in ["", PASSWORD] {
        let input = json!({ "username": "ada", "password": password });
        app.anonymous().mutate("login", input, AUTH).await.assert_refused("INVALID_CREDENTIALS");
    }
}

#[tokio::test]
async fn a_registration_is_refused_for_the_same_reasons_as_one_with_a_password() {
    let app = TestApp::start().await;
    app.signed_in("ada").await;
    let (mut client, mut authenticator) = (app.anonymous(), Authenticator::es256());
    let refused = start_registration(&client, json!({ "username": "a b" })).await;
    refused.assert_refused("USERNAME_INVALID");
    let started = start_registration(&client, json!({ "username": "ada" })).await;
    started.assert_done();
    let credential = authenticator.create(started.at("/it/options"));
    let challenge = started.at("/it/challenge");
    let taken =
        finish_registration(&mut client, json!({ "username": "ada" }), (challenge, credential.clone())).await;
    taken.assert_refused("USERNAME_TAKEN");
    // The name was refused, not the passkey.
    let other = json!({ "username": "grace" });
    finish_registration(&mut client, other, (challenge, credential)).await.assert_done();
}

#[tokio::test]
async fn a_challenge_creates_one_account_and_only_for_its_purpose() {
    let app = TestApp::start().await;
    let (mut client, mut authenticator) = (app.anonymous(), Authenticator::es256());
    let profile = |name: &str| json!({ "username": name });
    let started = start_registration(&client, profile("ada")).await;
    started.assert_done();
    let (challenge, options) = (started.at("/it/challenge"), started.at("/it/options"));
    let credential = authenticator.create(options);
    let mut other_client = app.anonymous();
    let used = (challenge, credential.clone());
    finish_registration(&mut other_client, profile("ada"), used.clone()).await.assert_done();
    finish_registration(&mut client, profile("grace"), used).await.assert_refused("INVALID_CHALLENGE");

    // The challenge of an account that exists creates none, and that of a new account adds none to another.
    let (of_account, options) = start(&other_client).await;
    let foreign = (&of_account, Authenticator::es256().create(&options));
    finish_registration(&mut client, profile("grace"), foreign).await.assert_refused("INVALID_CHALLENGE");
    let text = challenge.as_str().expect("a text");
    let id = text.split_once('.').expect("an identifier").0;
    let of_account = of_account.as_str().expect("a text");
    for text in ["", ".", "x.y", &format!("{id}."), &format!("{id}.{of_account}"), &"a".repeat(10_000)] {
        let forged = (&json!(text), credential.clone());
        finish_registration(&mut client, profile("grace"), forged).await.assert_refused("INVALID_CHALLENGE");
    }
    let late = start_registration(&client, profile("grace")).await;
    let credential = Authenticator::es256().create(late.at("/it/options"));
    app.wait(Duration::from_mins(10));
    let late = (late.at("/it/challenge"), credential);
    finish_registration(&mut client, profile("grace"), late).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn closed_registration_is_closed_to_passkeys_too() {
    let app = TestApp::with(|config| config.accounts.registration_open = false).await;
    let mut client = app.anonymous();
    let profile = json!({ "username": "ada" });
    start_registration(&client, profile.clone()).await.assert_refused("REGISTRATION_CLOSED");
    // The challenge is valid here as well: it is from before registration was closed.
    let open = app.replica_with(|config| config.accounts.registration_open = true).await;
    let started = start_registration(&open.anonymous(), profile.clone()).await;
    started.assert_done();
    let credential = Authenticator::es256().create(started.at("/it/options"));
    let answer = finish_registration(&mut client, profile, (started.at("/it/challenge"), credential)).await;
    answer.assert_refused("REGISTRATION_CLOSED");
}

#[tokio::test]
async fn a_user_without_a_password_sets_one_after_a_recent_login() {
    let app = TestApp::start().await;
    let (mut client, mut authenticator) = register(&app, json!({ "username": "ada" })).await;
    let wrong = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    client.mutate("changePassword", wrong, AUTH).await.assert_refused("INVALID_CREDENTIALS");
    app.wait(Duration::from_secs(301));
    client.refresh().await.assert_done();
    let first = json!({ "newPassword": PASSWORD });
    let refused = client.mutate("changePassword", first.clone(), AUTH).await;
    assert_eq!(refused.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION");
    let (mut client, _) = log_in(&app, &mut authenticator).await;
    let changed = client.mutate("changePassword", first.clone(), AUTH).await;
    client.keep(changed).assert_done();
    client.mutate("changePassword", first, AUTH).await.assert_refused("INVALID_CREDENTIALS");
    let login = json!({ "username": "ada", "password": PASSWORD });
    app.anonymous().mutate("login", login, AUTH).await.assert_refused("SECOND_FACTOR_REQUIRED");
}

#[tokio::test]
async fn a_user_without_a_password_deletes_the_account_after_a_recent_login() {
    let app = TestApp::start().await;
    let (mut client, mut authenticator) = register(&app, json!({ "username": "ada" })).await;
    app.wait(Duration::from_secs(301));
    client.refresh().await.assert_done();
    let deletion = "deletedId errors { code }";
    let refused = client.mutate("deleteAccount", json!({}), deletion).await;
    assert_eq!(refused.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION");
    let (client, _) = log_in(&app, &mut authenticator).await;
    client.mutate("deleteAccount", json!({}), deletion).await.assert_done();

    let grace = app.signed_in("grace").await;
    grace.mutate("deleteAccount", json!({}), deletion).await.assert_refused("INVALID_CREDENTIALS");
}
