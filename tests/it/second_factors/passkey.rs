//! Passkeys as the second factor of a sign-in with a password.

use super::*;
use crate::{
    email::with_verified_address,
    passkeys::{Authenticator, add, log_in, with_passkey},
    support::Message,
};

/// The fields of a sign-in, with the options for the browser.
const WITH_OPTIONS: &str =
    "challenge { token methods passkeyOptions } accessToken errors { code field message }";

/// Proves the password. Returns the challenge and the options.
async fn options_of_first_step(client: &Client, username: &str) -> (String, Value) {
    let input = json!({ "username": username, "password": PASSWORD });
    let answer = client.mutate("login", input, WITH_OPTIONS).await;
    answer.assert_refused("SECOND_FACTOR_REQUIRED");
    let token = answer.at("/it/challenge/token").as_str().expect("a challenge").to_owned();
    (token, answer.at("/it/challenge/passkeyOptions").clone())
}

/// Starts to authenticate again. Returns the challenge and the options.
async fn start_again(client: &Client) -> Answer {
    let ways = "mutation { it: startReauthentication { methods challenge expiresAt passkeyOptions errors { code } } }";
    client.ask(ways).await
}

async fn reauthenticate_by(client: &mut Client, started: &Answer, response: Value) -> Answer {
    let challenge = started.at("/it/challenge");
    reauthenticate(client, json!({ "passkey": { "challenge": challenge, "credential": response } })).await
}

#[tokio::test]
async fn a_password_signs_in_with_a_passkey_as_second_factor() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let mut client = app.anonymous();
    let (challenge, options) = options_of_first_step(&client, "ada").await;
    assert_eq!(options["allowCredentials"].as_array().map(Vec::len), Some(1));
    assert_ne!(options["challenge"], json!(challenge), "the response alone is of no use");
    let response = authenticator.get(&options);
    second_step(&mut client, &challenge, json!({ "passkey": response })).await.assert_done();
    let session = client.ask("{ session { methods } }").await;
    assert_eq!(session.at("/session/methods"), &json!(["PASSWORD", "PASSKEY"]));
    assert_eq!(claims(&client)["acr"], "aal2");
}

#[tokio::test]
async fn the_first_passkey_is_the_first_factor_of_an_account() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut phone = app.anonymous();
    phone.log_in("ada", PASSWORD).await.assert_done();
    let mut authenticator = Authenticator::es256();
    let added = add(&ada, &mut authenticator).await;
    let codes = added.assert_done().at("/it/recoveryCodes").as_array().expect("recovery codes").clone();
    assert_eq!(codes.len(), 10);
    assert_eq!(phone.ask("{ me { id } }").await.error()["code"], "UNAUTHENTICATED", "its session has ended");
    let state = factors(&ada).await;
    assert_eq!((&state["secondFactorRequired"], &state["totp"]), (&json!(true), &Value::Null));
    let second = add(&ada, &mut Authenticator::eddsa()).await;
    assert_eq!(second.assert_done().at("/it/recoveryCodes"), &Value::Null, "the account has codes");

    let mut client = app.anonymous();
    let challenge = first_step(&client, "ada").await;
    let recovery = json!({ "recoveryCode": codes[0] });
    second_step(&mut client, &challenge, recovery).await.assert_done();
}

#[tokio::test]
async fn the_response_for_one_sign_in_completes_no_other_one() {
    let app = TestApp::start().await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let (_, mut of_grace) = with_passkey(&app, "grace").await;
    let mut client = app.anonymous();
    let (first, options) = options_of_first_step(&client, "ada").await;
    let (second, _) = options_of_first_step(&client, "ada").await;
    let response = json!({ "passkey": authenticator.get(&options) });
    second_step(&mut client, &second, response.clone()).await.assert_refused("PASSKEY_REJECTED");
    second_step(&mut client, &first, response.clone()).await.assert_done();
    second_step(&mut client, &first, response).await.assert_refused("INVALID_CHALLENGE");

    let (challenge, options) = options_of_first_step(&client, "ada").await;
    let foreign = json!({ "passkey": of_grace.get(&options) });
    second_step(&mut client, &challenge, foreign).await.assert_refused("PASSKEY_REJECTED");
    let own = json!({ "passkey": authenticator.get(&options) });
    second_step(&mut client, &challenge, own).await.assert_done();
    for nonsense in [json!({}), json!({ "id": "x" }), json!({ "rawId": [] })] {
        let (challenge, _) = options_of_first_step(&client, "ada").await;
        let answer = second_step(&mut client, &challenge, json!({ "passkey": nonsense })).await;
        answer.assert_refused("PASSKEY_REJECTED");
    }
}

#[tokio::test]
async fn rejected_passkeys_count_as_attempts_of_the_account() {
    let app = TestApp::with(|config| config.limits = portcullis::config::LimitsConfig::default()).await;
    let (_, mut authenticator) = with_passkey(&app, "ada").await;
    let mut client = app.anonymous();
    for attempt in 0.. {
        let (challenge, _) = options_of_first_step(&client, "ada").await;
        let answer = second_step(&mut client, &challenge, json!({ "passkey": {} })).await;
        let code = answer.at("/it/errors/0/code").as_str().expect("a code").to_owned();
        if code == "RATE_LIMITED" {
            assert!(attempt >= 5, "after {attempt}");
            break;
        }
        assert_eq!((code.as_str(), attempt < 50), ("PASSKEY_REJECTED", true));
    }
    let (challenge, options) = options_of_first_step(&client, "ada").await;
    let correct = json!({ "passkey": authenticator.get(&options) });
    second_step(&mut client, &challenge, correct).await.assert_refused("RATE_LIMITED");
    let root = app.admin().await;
    let failed = "{ auditEvents(first: 100) { nodes { action } } }";
    let events = root.ask(failed).await;
    let nodes = events.at("/auditEvents/nodes").as_array().expect("events").clone();
    assert!(nodes.iter().filter(|node| node["action"] == "SECOND_FACTOR_FAILED").count() >= 5);
}

#[tokio::test]
async fn a_passkey_renews_the_login_of_its_account() {
    let app = TestApp::start().await;
    let (mut ada, mut authenticator) = with_passkey(&app, "ada").await;
    app.wait(Duration::from_secs(301));
    ada.refresh().await.assert_done();
    let started = start_again(&ada).await;
    assert_eq!(started.assert_done().at("/it/methods"), &json!(["PASSKEY", "RECOVERY_CODE"]));
    reauthenticate(&mut ada, json!({ "password": PASSWORD })).await.assert_refused("SECOND_FACTOR_REQUIRED");
    let response = authenticator.get(started.at("/it/passkeyOptions"));
    let before = claims(&ada);
    reauthenticate_by(&mut ada, &started, response.clone()).await.assert_done();
    assert!(claims(&ada)["auth_time"].as_i64() > before["auth_time"].as_i64());
    reauthenticate_by(&mut ada, &started, response).await.assert_refused("INVALID_CHALLENGE");
    let removal = ada.ask("mutation { it: createRecoveryCodes { codes errors { code } } }").await;
    removal.assert_done();
}

#[tokio::test]
async fn the_response_for_another_account_or_purpose_renews_no_login() {
    let app = TestApp::start().await;
    let (mut ada, mut authenticator) = with_passkey(&app, "ada").await;
    let (grace, _) = with_passkey(&app, "grace").await;
    let of_grace = start_again(&grace).await;
    let response = authenticator.get(of_grace.at("/it/passkeyOptions"));
    reauthenticate_by(&mut ada, &of_grace, response).await.assert_refused("INVALID_CHALLENGE");
    let login = ada
        .ask("mutation { it: startPasskeyLogin { challenge passkeyOptions: options errors { code } } }")
        .await;
    let response = authenticator.get(login.at("/it/passkeyOptions"));
    reauthenticate_by(&mut ada, &login, response).await.assert_refused("INVALID_CHALLENGE");
    let late = start_again(&ada).await;
    let response = authenticator.get(late.at("/it/passkeyOptions"));
    app.wait(Duration::from_mins(10));
    ada.refresh().await.assert_done();
    reauthenticate_by(&mut ada, &late, response).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn without_its_last_factor_an_account_has_no_recovery_codes() {
    let app = TestApp::start().await;
    let (ada, _) = with_passkey(&app, "ada").await;
    let id = ada.ask("{ me { passkeys { nodes { id } } } }").await.at("/me/passkeys/nodes/0/id").clone();
    ada.mutate("deletePasskey", json!({ "id": id }), "deletedId errors { code }").await.assert_done();
    let state = factors(&ada).await;
    assert_eq!((&state["recoveryCodes"], &state["secondFactorRequired"]), (&Value::Null, &json!(false)));
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn an_administrator_removes_the_passkeys_of_a_user() {
    let app = TestApp::start().await;
    let (ada, mut authenticator) = with_passkey(&app, "ada").await;
    let id = ada.ask("{ me { id } }").await.at("/me/id").clone();
    let root = app.admin().await;
    let reset =
        root.mutate("resetSecondFactors", json!({ "userId": id }), "user { id } errors { code }").await;
    reset.assert_done();
    let (_, answer) = log_in(&app, &mut authenticator).await;
    answer.assert_refused("PASSKEY_REJECTED");
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn the_user_is_told_of_each_passkey_and_each_token() {
    const ADDRESS: &str = "ada@example.com";
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    let subject = |message: Message| {
        let line = message.text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned));
        line.expect("a subject").trim_end().to_owned()
    };
    add(&ada, &mut Authenticator::es256()).await.assert_done();
    assert_eq!(subject(app.newest_message(ADDRESS).await), "A passkey was added to your account");
    let expires_at = app.clock().now() + Duration::from_hours(24);
    let token = json!({ "name": "ci", "scopes": [], "expiresAt": expires_at });
    ada.mutate("createPersonalAccessToken", token, "token errors { code }").await.assert_done();
    let created = subject(app.newest_message(ADDRESS).await);
    assert_eq!(created, "A personal access token was created for your account");
    let id = ada.ask("{ me { passkeys { nodes { id } } } }").await.at("/me/passkeys/nodes/0/id").clone();
    ada.mutate("deletePasskey", json!({ "id": id }), "deletedId errors { code }").await.assert_done();
    assert_eq!(subject(app.newest_message(ADDRESS).await), "A passkey was removed from your account");
}
