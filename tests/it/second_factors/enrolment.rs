//! Adding, replacing and removing an authenticator app.

use super::*;

#[tokio::test]
async fn an_app_is_a_factor_once_its_first_code_is_confirmed() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let nothing = json!({ "totp": null, "recoveryCodes": null, "secondFactorRequired": false });
    assert_eq!(factors(&ada).await, nothing);
    let totp = start(&ada).await;
    assert_eq!(factors(&ada).await, nothing, "it is not confirmed");
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();

    confirm(&ada, &wrong_code(&totp, &app)).await.assert_refused("INVALID_CODE");
    let confirmed = confirm(&ada, &code(&totp, &app)).await;
    let codes = confirmed.assert_done().at("/it/codes").as_array().expect("codes");
    assert_eq!(codes.len(), 10);
    assert_eq!(confirmed.at("/it/recoveryCodes/remaining"), 10);
    let after = factors(&ada).await;
    assert_eq!(after["secondFactorRequired"], true);
    assert_eq!(after["recoveryCodes"], json!({ "total": 10, "remaining": 10 }));
    assert_ne!(after["totp"]["createdAt"], Value::Null);
    first_step(&app.anonymous(), "ada").await;
}

#[tokio::test]
async fn the_session_that_adds_a_factor_has_proven_both() {
    let app = TestApp::start().await;
    let mut ada = Enrolled::new(&app, "ada").await;
    ada.client.refresh().await.assert_done();
    let claims = claims(&ada.client);
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));
}

#[tokio::test]
async fn the_first_factor_ends_the_sessions_that_were_opened_without_one() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let mut intruder = app.anonymous();
    intruder.log_in("ada", PASSWORD).await.assert_done();
    let totp = start(&ada).await;
    confirm(&ada, &code(&totp, &app)).await.assert_done();
    intruder.me().await.assert_unauthenticated("TOKEN_REVOKED");
    intruder.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_secret_waits_for_its_first_code_for_fifteen_minutes() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    confirm(&ada, "123456").await.assert_refused("NOT_FOUND");
    let replaced = start(&ada).await;
    let totp = start(&ada).await;
    confirm(&ada, &code(&replaced, &app)).await.assert_refused("INVALID_CODE");
    app.wait(Duration::from_secs(15 * 60 + 1));
    ada.refresh().await.assert_done();
    confirm(&ada, &code(&totp, &app)).await.assert_refused("NOT_FOUND");
}

#[tokio::test]
async fn a_new_app_replaces_the_old_one_when_it_is_confirmed() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let next = start(&ada.client).await;
    let mut elsewhere = app.anonymous();
    let challenge = first_step(&elsewhere, "ada").await;
    second_step(&mut elsewhere, &challenge, json!({ "totp": code(&ada.app, &app) })).await.assert_done();

    let confirmed = confirm(&ada.client, &code(&next, &app)).await;
    assert_eq!(confirmed.assert_done().at("/it/codes"), &Value::Null, "the recovery codes stay");
    elsewhere.me().await.assert_done();
    app.wait(TWO_STEPS);
    let challenge = first_step(&elsewhere, "ada").await;
    let old = second_step(&mut elsewhere, &challenge, json!({ "totp": code(&ada.app, &app) })).await;
    old.assert_refused("INVALID_CODE");
    second_step(&mut elsewhere, &challenge, json!({ "totp": code(&next, &app) })).await.assert_done();
}

#[tokio::test]
async fn without_its_app_an_account_signs_in_by_its_password() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let remove = "mutation { it: removeTotp { user { id } errors { code message } } }";
    ada.client.ask(remove).await.assert_done();
    let nothing = json!({ "totp": null, "recoveryCodes": null, "secondFactorRequired": false });
    assert_eq!(factors(&ada.client).await, nothing);
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
    ada.client.ask(remove).await.assert_refused("NOT_FOUND");
}

#[tokio::test]
async fn adding_and_removing_a_factor_requires_a_recent_login() {
    let app = TestApp::start().await;
    let mut ada = Enrolled::new(&app, "ada").await;
    app.wait(Duration::from_secs(301));
    ada.client.refresh().await.assert_done();
    for mutation in ["startTotp", "removeTotp", "createRecoveryCodes"] {
        let answer = ada.client.ask(&format!("mutation {{ it: {mutation} {{ errors {{ code }} }} }}")).await;
        let error = answer.error();
        assert_eq!(error["reason"], "INSUFFICIENT_USER_AUTHENTICATION", "{mutation}: {error}");
        assert_eq!(error["maxAge"], 300, "{mutation}: {error}");
    }
    assert_eq!(factors(&ada.client).await["secondFactorRequired"], true);
}

#[tokio::test]
async fn others_learn_nothing_about_the_factors_of_an_account() {
    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let root = app.admin().await;
    let query = format!(
        "{{ node(id: \"{}\") {{ ... on User {{ totp {{ createdAt }} recoveryCodes {{ total }} \
         secondFactorRequired }} }} }}",
        ada.client.user_id
    );
    let seen = root.ask(&query).await;
    let expected = json!({ "totp": null, "recoveryCodes": null, "secondFactorRequired": true });
    assert_eq!(seen.assert_done().at("/node"), &expected);
    let grace = app.signed_in("grace").await;
    assert_eq!(grace.ask(&query).await.at("/node"), &Value::Null);
}

#[tokio::test]
async fn the_secret_is_encrypted_and_the_recovery_codes_are_hashed() {
    use sea_orm::{ConnectionTrait, Statement};

    let app = TestApp::start().await;
    let ada = Enrolled::new(&app, "ada").await;
    let database = &app.app.database;
    let statement = |sql: &str| Statement::from_string(database.reader().get_database_backend(), sql);
    let rows = database.reader().query_all_raw(statement("SELECT sealed_secret FROM totp_secrets")).await;
    for row in rows.expect("rows") {
        let sealed: Vec<u8> = row.try_get("", "sealed_secret").expect("bytes");
        let secret = ada.app.secret().as_bytes();
        assert!(!sealed.windows(secret.len()).any(|window| window == secret));
    }
    let rows = database.reader().query_all_raw(statement("SELECT code_hash FROM recovery_codes")).await;
    let rows = rows.expect("rows");
    assert_eq!(rows.len(), 10);
    for row in rows {
        let hash: Vec<u8> = row.try_get("", "code_hash").expect("bytes");
        assert_eq!(hash.len(), 32);
    }
}
