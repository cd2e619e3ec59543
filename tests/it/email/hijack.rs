//! The attacks of "Pre-hijacked accounts" (Sudhodanan and Paverd, USENIX Security 2022) that apply: somebody creates an
//! account with the address of a victim before the victim does. The two attacks with an identity provider do not apply,
//! because there are none.

use serde_json::json;

use super::{ADDRESS, assert_failed, by_token, request, verify, with_address};
use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, TestApp};

/// The victim recovers the account that has their address.
async fn recover(app: &TestApp) -> Client {
    let mut victim = app.anonymous();
    request(&victim, "requestPasswordReset", ADDRESS).await;
    let proof = by_token(&app.newest_message(ADDRESS).await.token);
    let input = json!({ "proof": proof, "newPassword": OTHER_PASSWORD });
    let signed_in = victim.mutate("resetPassword", input, AUTH).await;
    victim.keep(signed_in).assert_done();
    victim
}

#[tokio::test]
async fn classic_the_password_of_the_attacker_is_void() {
    let app = TestApp::with(|config| config.accounts.email_sign_in = true).await;
    let attacker = with_address(&app, "victim", ADDRESS).await;
    let mut victim = app.anonymous();
    request(&victim, "requestLoginEmail", ADDRESS).await;
    let proof = json!({ "proof": by_token(&app.newest_message(ADDRESS).await.token) });
    let signed_in = victim.mutate("loginWithEmail", proof, AUTH).await;
    victim.keep(signed_in).assert_done();
    assert_eq!(attacker.me().await.code(), "UNAUTHENTICATED");
    assert_failed(&app.anonymous().log_in("victim", PASSWORD).await, "INVALID_CREDENTIALS");
    assert_eq!(victim.ask("{ me { emailVerified } }").await.at("/me/emailVerified"), true);
}

#[tokio::test]
async fn unexpired_session_the_sessions_of_the_attacker_end() {
    let app = TestApp::start().await;
    let mut attacker = with_address(&app, "victim", ADDRESS).await;
    recover(&app).await;
    assert_eq!(attacker.me().await.code(), "UNAUTHENTICATED");
    assert_failed(&attacker.refresh().await, "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn trojan_identifier_a_second_address_of_the_attacker_is_void() {
    let app = TestApp::start().await;
    let attacker = with_address(&app, "victim", "eve@example.com").await;
    let eve = app.newest_message("eve@example.com").await;
    attacker.mutate("updateProfile", json!({ "email": ADDRESS }), "errors { code }").await.assert_done();
    assert_failed(&verify(&app, &eve.token).await, "INVALID_CHALLENGE");
    recover(&app).await;
    assert_failed(&app.anonymous().log_in("eve@example.com", PASSWORD).await, "INVALID_CREDENTIALS");
    request(&attacker, "requestPasswordReset", "eve@example.com").await;
    assert_eq!(app.messages("eve@example.com").await.len(), 1, "nobody recovers the account from there");
}

#[tokio::test]
async fn unexpired_email_change_the_link_of_the_attacker_is_void() {
    let app = TestApp::start().await;
    let attacker = with_address(&app, "victim", ADDRESS).await;
    // The victim verifies the address of the account that the attacker has created, and the attacker starts a change.
    verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    attacker
        .mutate("updateProfile", json!({ "email": "eve@example.com" }), "errors { code }")
        .await
        .assert_done();
    let eve = app.newest_message("eve@example.com").await;
    let victim = recover(&app).await;
    assert_failed(&verify(&app, &eve.token).await, "INVALID_CHALLENGE");
    let me = victim.ask("{ me { email pendingEmail } }").await;
    assert_eq!(me.at("/me"), &json!({ "email": ADDRESS, "pendingEmail": null }));
}

#[tokio::test]
async fn the_authenticator_app_of_an_intruder_ends_when_the_owner_of_the_address_takes_the_account() {
    let app = TestApp::start().await;
    let attacker = with_address(&app, "victim", ADDRESS).await;
    let started = attacker.ask("mutation { it: startTotp { uri errors { code } } }").await;
    let uri = started.assert_done().at("/it/uri").as_str().expect("a URI").to_owned();
    let seconds = u64::try_from(app.clock().now().timestamp()).expect("a time after 1970");
    let code = totp_rs::Totp::from_url(&uri).expect("a URI of an app").generate(seconds).to_string();
    attacker.mutate("confirmTotp", json!({ "code": code }), "errors { code }").await.assert_done();
    let victim = recover(&app).await;
    let factors = victim.ask("{ me { secondFactorRequired recoveryCodes { total } } }").await;
    assert_eq!(factors.at("/me"), &json!({ "secondFactorRequired": false, "recoveryCodes": null }));
}
