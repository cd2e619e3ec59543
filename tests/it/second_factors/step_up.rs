//! Step-up authentication of accounts with a second factor.

use async_graphql::Object;
use portcullis::{Portcullis, graphql::guarded};

use super::*;

#[tokio::test]
async fn a_code_renews_the_login_and_a_password_does_not() {
    let app = TestApp::start().await;
    let mut ada = Enrolled::new(&app, "ada").await;
    app.wait(Duration::from_secs(301));
    ada.client.refresh().await.assert_done();
    let before = claims(&ada.client);
    let ways = "mutation { it: startReauthentication { methods errors { code } } }";
    let methods = ada.client.ask(ways).await;
    assert_eq!(methods.assert_done().at("/it/methods"), &json!(["TOTP", "RECOVERY_CODE"]));

    let by_password = reauthenticate(&mut ada.client, json!({ "password": PASSWORD })).await;
    by_password.assert_refused("SECOND_FACTOR_REQUIRED");
    assert_eq!(by_password.at("/it/accessToken"), &Value::Null);
    let wrong = json!({ "totp": wrong_code(&ada.app, &app) });
    reauthenticate(&mut ada.client, wrong).await.assert_refused("INVALID_CODE");

    let totp = json!({ "totp": code(&ada.app, &app) });
    reauthenticate(&mut ada.client, totp.clone()).await.assert_done();
    let after = claims(&ada.client);
    assert!(after["auth_time"].as_i64() > before["auth_time"].as_i64());
    assert_eq!((&after["acr"], &after["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));
    reauthenticate(&mut ada.client, totp).await.assert_refused("INVALID_CODE");
    let recovery = json!({ "recoveryCode": ada.recovery_codes[0] });
    reauthenticate(&mut ada.client, recovery).await.assert_done();
}

#[tokio::test]
async fn without_a_factor_the_password_is_the_way_to_authenticate_again() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let ways = "mutation { it: startReauthentication { methods errors { code } } }";
    assert_eq!(ada.ask(ways).await.assert_done().at("/it/methods"), &json!(["PASSWORD"]));
    reauthenticate(&mut ada, json!({ "totp": "123456" })).await.assert_refused("INVALID_CODE");
    reauthenticate(&mut ada, json!({ "password": PASSWORD })).await.assert_done();
}

#[tokio::test]
async fn a_change_of_the_password_does_not_renew_the_login_of_an_account_with_a_factor() {
    let app = TestApp::start().await;
    let mut ada = Enrolled::new(&app, "ada").await;
    ada.client.refresh().await.assert_done();
    let before = claims(&ada.client);
    app.wait(Duration::from_secs(301));
    let input = json!({ "currentPassword": PASSWORD, "newPassword": crate::support::OTHER_PASSWORD });
    let changed = ada.client.mutate("changePassword", input, AUTH).await;
    ada.client.keep(changed).assert_done();
    let after = claims(&ada.client);
    assert_eq!((&after["auth_time"], &after["acr"]), (&before["auth_time"], &before["acr"]));
    let removal = ada.client.ask("mutation { it: removeTotp { errors { code } } }").await;
    assert_eq!(removal.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION");
}

/// An application whose fields require classes of logins.
#[derive(Default)]
struct Vault;

#[guarded]
#[Object]
impl Vault {
    #[requires_recent_login("1h", acr = "aal2")]
    async fn gold(&self) -> Option<&str> {
        Some("gold")
    }

    #[requires_recent_login("1h", acr = "aal1")]
    async fn silver(&self) -> Option<&str> {
        Some("silver")
    }
}

#[tokio::test]
async fn a_field_that_requires_two_factors_opens_after_both_and_two_suffice_for_one() {
    let app = TestApp::of(Portcullis::builder().query(Vault)).await;
    let mut ada = app.signed_in("ada").await;
    ada.ask("{ silver }").await.assert_done();
    let refused = ada.ask("{ gold }").await;
    assert_eq!(refused.error()["acrValues"], json!(["aal2"]));
    assert_eq!(refused.error()["reason"], "INSUFFICIENT_USER_AUTHENTICATION");
    let totp = start(&ada).await;
    confirm(&ada, &code(&totp, &app)).await.assert_done();
    ada.refresh().await.assert_done();
    ada.ask("{ gold silver }").await.assert_done();
}
