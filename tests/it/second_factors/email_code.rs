//! Codes by e-mail: in place of a second factor if the operator permits it, and to authenticate again for accounts that have
//! nothing else.

use super::*;
use crate::email::{by_code, request, with_verified_address};

const ADDRESS: &str = "ada@example.com";
const SENT: &str = "challenge expiresAt resendAfter errors { code field message }";

/// A server on which ada has a verified address and an authenticator app.
async fn with_app(email_codes: bool) -> (TestApp, Totp) {
    let app = TestApp::with(|config| {
        config.factors.email_codes = email_codes;
        config.accounts.email_sign_in = true;
    })
    .await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    let totp = start(&ada).await;
    confirm(&ada, &code(&totp, &app)).await.assert_done();
    app.wait(TWO_STEPS);
    (app, totp)
}

async fn methods(client: &Client) -> (String, Value) {
    let input = json!({ "username": "ada", "password": PASSWORD });
    let answer = client.mutate("login", input, STEPS).await;
    let token = answer.at("/it/challenge/token").as_str().expect("a challenge").to_owned();
    (token, answer.at("/it/challenge/methods").clone())
}

/// Requests a code for a sign-in. Returns the proof.
async fn requested(app: &TestApp, client: &Client, challenge: &str) -> Value {
    let sent = client.mutate("requestSecondFactorEmail", json!({ "challenge": challenge }), SENT).await;
    let challenge = sent.assert_done().at("/it/challenge").as_str().expect("a challenge").to_owned();
    let message = app.newest_message(ADDRESS).await;
    assert_eq!(message.token, "", "the message has no link");
    json!({ "emailCode": { "challenge": challenge, "code": message.code } })
}

#[tokio::test]
async fn a_code_by_email_takes_the_place_of_the_factor_if_the_operator_permits_it() {
    let (app, _) = with_app(true).await;
    let mut client = app.anonymous();
    let (challenge, ways) = methods(&client).await;
    assert_eq!(ways, json!(["TOTP", "RECOVERY_CODE", "EMAIL_CODE"]));
    let proof = requested(&app, &client, &challenge).await;
    let mut wrong = proof.clone();
    wrong["emailCode"]["code"] = json!("00000000");
    second_step(&mut client, &challenge, wrong).await.assert_refused("INVALID_CODE");
    second_step(&mut client, &challenge, proof.clone()).await.assert_done();
    assert_eq!(claims(&client)["acr"], "aal1", "it is weaker than a factor that the user has");
    let (challenge, _) = methods(&client).await;
    second_step(&mut client, &challenge, proof).await.assert_refused("INVALID_CHALLENGE");
    reauthenticate(&mut client, json!({ "password": PASSWORD }))
        .await
        .assert_refused("SECOND_FACTOR_REQUIRED");
}

#[tokio::test]
async fn a_session_by_a_code_by_email_cannot_change_the_factors() {
    let (app, totp) = with_app(true).await;
    let mut client = app.anonymous();
    let (challenge, _) = methods(&client).await;
    let proof = requested(&app, &client, &challenge).await;
    second_step(&mut client, &challenge, proof).await.assert_done();
    let (challenge, options) = crate::passkeys::start(&client).await;
    let passkey = crate::passkeys::Authenticator::es256().create(&options);
    let mut refused = vec![crate::passkeys::send(&client, &challenge, &passkey).await];
    for mutation in
        ["startTotp { secret }", "removeTotp { errors { code } }", "createRecoveryCodes { codes }"]
    {
        refused.push(client.ask(&format!("mutation {{ it: {mutation} }}")).await);
    }
    for answer in refused {
        assert_eq!(answer.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION", "{}", answer.body);
        assert_eq!(answer.error()["acrValues"], json!(["aal2"]), "{}", answer.body);
    }
    app.wait(TWO_STEPS);
    reauthenticate(&mut client, json!({ "totp": code(&totp, &app) })).await.assert_done();
    client.ask("mutation { it: removeTotp { errors { code } } }").await.assert_done();
}

#[tokio::test]
async fn without_the_permission_of_the_operator_no_code_is_sent_or_accepted() {
    let (app, _) = with_app(false).await;
    let mut client = app.anonymous();
    let (challenge, ways) = methods(&client).await;
    assert_eq!(ways, json!(["TOTP", "RECOVERY_CODE"]));
    let refused = client.mutate("requestSecondFactorEmail", json!({ "challenge": challenge }), SENT).await;
    assert_eq!(refused.error()["code"], "BAD_USER_INPUT");
    // A code for a sign-in by e-mail is none for a second factor.
    let login = request(&client, "requestLoginEmail", ADDRESS).await;
    let code = app.newest_message(ADDRESS).await.code;
    let proof = json!({ "emailCode": { "challenge": login, "code": code } });
    second_step(&mut client, &challenge, proof).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn a_mailbox_is_not_two_factors() {
    let (app, _) = with_app(true).await;
    let client = app.anonymous();
    let login = request(&client, "requestLoginEmail", ADDRESS).await;
    let code = app.newest_message(ADDRESS).await.code;
    let proof = json!({ "proof": by_code(&login, &code) });
    let answer = client.mutate("loginWithEmail", proof, STEPS).await;
    answer.assert_refused("SECOND_FACTOR_REQUIRED");
    assert_eq!(answer.at("/it/challenge/methods"), &json!(["TOTP", "RECOVERY_CODE"]));
    let challenge = json!({ "challenge": answer.at("/it/challenge/token") });
    let refused = client.mutate("requestSecondFactorEmail", challenge, SENT).await;
    assert_eq!(refused.error()["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_code_completes_no_sign_in_of_another_account_and_no_unknown_one() {
    let (app, _) = with_app(true).await;
    let mut client = app.anonymous();
    let (of_ada, _) = methods(&client).await;
    let proof = requested(&app, &client, &of_ada).await;
    Enrolled::new(&app, "grace").await;
    let of_grace = first_step(&client, "grace").await;
    second_step(&mut client, &of_grace, proof.clone()).await.assert_refused("INVALID_CODE");
    let unknown = client.mutate("requestSecondFactorEmail", json!({ "challenge": "x" }), SENT).await;
    unknown.assert_refused("INVALID_CHALLENGE");
    app.wait(Duration::from_mins(5));
    let (challenge, _) = methods(&client).await;
    second_step(&mut client, &challenge, proof).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn an_account_that_has_only_a_mailbox_authenticates_again_by_a_code() {
    let app = TestApp::with(|config| config.accounts.email_sign_in = true).await;
    crate::email::with_address(&app, "ada", ADDRESS).await;
    // The first sign-in by e-mail removes the password, because nobody had proven the address.
    let mut client = app.anonymous();
    let login = request(&client, "requestLoginEmail", ADDRESS).await;
    let code = app.newest_message(ADDRESS).await.code;
    let proof = json!({ "proof": by_code(&login, &code) });
    let signed_in = client.mutate("loginWithEmail", proof, AUTH).await;
    client.keep(signed_in).assert_done();
    app.wait(Duration::from_secs(301));
    client.refresh().await.assert_done();
    let ways = "mutation { it: startReauthentication { methods challenge expiresAt errors { code } } }";
    let started = client.ask(ways).await;
    assert_eq!(started.assert_done().at("/it/methods"), &json!(["EMAIL_CODE"]));
    let code = app.newest_message(ADDRESS).await.code;
    let proof = json!({ "emailCode": { "challenge": started.at("/it/challenge"), "code": code } });
    reauthenticate(&mut client, proof.clone()).await.assert_done();
    client.ask("mutation { it: startTotp { secret errors { code } } }").await.assert_done();
    reauthenticate(&mut client, proof).await.assert_refused("INVALID_CHALLENGE");
}
