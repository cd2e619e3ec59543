use serde_json::json;

use super::{ADDRESS, CHALLENGE, assert_failed, by_code, by_token, request, with_verified_address};
use crate::support::{AUTH, TestApp};

const SESSION: &str = "{ session { methods } }";

#[tokio::test]
async fn sign_in_by_e_mail_is_off_unless_the_operator_turns_it_on() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let anonymous = app.anonymous();
    let refused = anonymous.mutate("requestLoginEmail", json!({ "email": ADDRESS }), CHALLENGE).await;
    assert_eq!(refused.code(), "BAD_USER_INPUT");
    let refused = anonymous.mutate("loginWithEmail", json!({ "proof": by_token("x") }), AUTH).await;
    assert_eq!(refused.code(), "BAD_USER_INPUT");
    let methods = anonymous.ask("{ server { authenticationMethods emailVerification } }").await;
    assert_eq!(
        methods.at("/server"),
        &json!({ "authenticationMethods": ["PASSWORD"], "emailVerification": "OPTIONAL" })
    );
}

#[tokio::test]
async fn a_link_and_a_code_sign_in_once() {
    let app = TestApp::with(|config| config.accounts.email_sign_in = true).await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    let mut phone = app.anonymous();
    request(&phone, "requestLoginEmail", ADDRESS).await;
    let proof = json!({ "proof": by_token(&app.newest_message(ADDRESS).await.token) });
    let signed_in = phone.mutate("loginWithEmail", proof.clone(), AUTH).await;
    phone.keep(signed_in).assert_done();
    assert_eq!(phone.me().await.at("/me/id"), ada.user_id.as_str());
    assert_eq!(phone.ask(SESSION).await.at("/session/methods"), &json!(["EMAIL_LINK"]));
    ada.me().await.assert_done();
    assert_failed(&phone.mutate("loginWithEmail", proof, AUTH).await, "INVALID_CHALLENGE");

    let challenge = request(&phone, "requestLoginEmail", ADDRESS).await;
    let code = app.newest_message(ADDRESS).await.code;
    let proof = json!({ "proof": by_code(&challenge, &code) });
    let signed_in = phone.mutate("loginWithEmail", proof.clone(), AUTH).await;
    phone.keep(signed_in).assert_done();
    assert_eq!(phone.ask(SESSION).await.at("/session/methods"), &json!(["EMAIL_CODE"]));
    assert_failed(&phone.mutate("loginWithEmail", proof, AUTH).await, "INVALID_CHALLENGE");
}
