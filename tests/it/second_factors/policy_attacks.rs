//! Ways around the policy that accounts must have a second factor.

use portcullis::{admin::UserUpdate, audit::Actor, config::RequiredFactors};
use sea_orm::{ConnectionTrait, Statement};

use super::{
    policy::{
        DAY, ENROLLING, Enrolment, GRACE, NEARLY_GRACE, deadline, enrol, log_in, overdue, remove_totp,
        server, user_id,
    },
    *,
};
use crate::support::{OTHER_PASSWORD, spawn_all};

#[tokio::test]
async fn no_way_to_sign_in_leaves_the_enrolment_out() {
    let app = server(RequiredFactors::Everyone).await;
    let ada = app.signed_in("ada").await;
    let change = json!({ "email": "ada@example.com" });
    ada.mutate("updateProfile", change, "errors { code }").await.assert_done();
    app.verify_email("ada").await;
    app.wait(GRACE);
    let client = app.anonymous();
    Enrolment::of(&log_in(&client, "ada").await);
    for (request, submit, extra) in [
        ("requestLoginEmail", "loginWithEmail", json!({})),
        ("requestPasswordReset", "resetPassword", json!({ "newPassword": OTHER_PASSWORD })),
    ] {
        let input = json!({ "email": "ada@example.com" });
        client.mutate(request, input, "errors { code }").await.assert_done();
        let mut input = extra;
        input["proof"] = json!({ "token": app.newest_message("ada@example.com").await.token });
        Enrolment::of(&client.mutate(submit, input, ENROLLING).await);
    }
    let session = "SELECT 1 FROM sessions WHERE created_at > (SELECT MIN(created_at) FROM sessions)";
    let db = app.app.database.reader();
    let statement = Statement::from_string(db.get_database_backend(), session);
    let rows = db.query_all_raw(statement).await.expect("rows");
    assert!(rows.is_empty(), "only the registration has opened a session");
}

#[tokio::test]
async fn a_session_does_not_outlive_the_deadline() {
    let app = server(RequiredFactors::Everyone).await;
    let mut ada = app.signed_in("ada").await;
    app.wait(NEARLY_GRACE);
    ada.refresh().await.assert_done();
    app.wait(Duration::from_mins(30));
    let kept = ada.clone();
    // An access token that is still valid gets no new ones, neither by step-up authentication nor by a new password.
    let proof = json!({ "proof": { "password": PASSWORD } });
    kept.mutate("reauthenticate", proof, AUTH).await.assert_refused("INVALID_CREDENTIALS");
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    kept.mutate("changePassword", change, AUTH).await.assert_refused("INVALID_CREDENTIALS");
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    kept.me().await.assert_unauthenticated("TOKEN_REVOKED");
    let enrolment = Enrolment::of(&log_in(&ada, "ada").await);
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut ada, &enrolment.challenge, factor).await.assert_done();
}

#[tokio::test]
async fn a_personal_access_token_does_not_outlive_the_deadline() {
    let app = server(RequiredFactors::Everyone).await;
    let ada = app.signed_in("ada").await;
    let expires_at = app.clock().now() + 30 * DAY;
    let input = json!({ "name": "backup", "scopes": [], "expiresAt": expires_at });
    let created = ada.mutate("createPersonalAccessToken", input, "token errors { code }").await;
    let token = created.assert_done().at("/it/token").as_str().expect("a token").to_owned();
    let program = app.anonymous().bearing(&token);
    program.me().await.assert_done();
    // On a server without the token in its cache.
    let other = app.replica().await;
    let elsewhere = other.anonymous().bearing(&token);
    app.wait(GRACE);
    elsewhere.me().await.assert_unauthenticated("TOKEN_REVOKED");
    let exchange = elsewhere.mutate("exchangePersonalAccessToken", json!({ "token": token }), AUTH).await;
    exchange.assert_refused("INVALID_CREDENTIALS");

    let mut ada = other.anonymous();
    let enrolment = Enrolment::of(&log_in(&ada, "ada").await);
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut ada, &enrolment.challenge, factor).await.assert_done();
    elsewhere.me().await.assert_done();
}

#[tokio::test]
async fn a_session_that_was_opened_before_the_policy_ends_as_well() {
    let before = TestApp::start().await;
    let mut ada = before.signed_in("ada").await;
    let app = before
        .replica_with(|config| {
            config.factors.required = RequiredFactors::Everyone;
            config.factors.grace = GRACE;
        })
        .await;
    ada = ada.at(app.url("/graphql"));
    assert_eq!(deadline(&ada).await, Value::Null, "the period has not begun");
    ada.refresh().await.assert_done();
    assert_ne!(deadline(&ada).await, Value::Null);
    app.wait(GRACE);
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn the_challenge_of_an_enrolment_is_used_once_for_its_account_and_expires() {
    let app = server(RequiredFactors::Everyone).await;
    let (_ada, _grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    app.wait(GRACE);
    let mut client = app.anonymous();
    let first = Enrolment::of(&log_in(&client, "ada").await);
    let second = Enrolment::of(&log_in(&client, "ada").await);
    let of_grace = Enrolment::of(&log_in(&client, "grace").await);
    assert_ne!(first.app.secret(), second.app.secret());

    // Each challenge adds its own app to its own account.
    let foreign = json!({ "totp": code(&of_grace.app, &app) });
    enrol(&mut client, &first.challenge, foreign.clone()).await.assert_refused("INVALID_CODE");
    let of_second = json!({ "totp": code(&second.app, &app) });
    enrol(&mut client, &first.challenge, of_second.clone()).await.assert_refused("INVALID_CODE");
    let done = enrol(&mut client, &first.challenge, json!({ "totp": code(&first.app, &app) })).await;
    assert_eq!(done.assert_done().at("/it/user/username"), "ada");
    // The account has a factor now, which no other challenge replaces.
    enrol(&mut client, &first.challenge, of_second.clone()).await.assert_refused("INVALID_CHALLENGE");
    enrol(&mut client, &second.challenge, of_second).await.assert_refused("INVALID_CHALLENGE");

    app.wait(Duration::from_mins(15));
    let late = json!({ "totp": code(&of_grace.app, &app) });
    enrol(&mut client, &of_grace.challenge, late).await.assert_refused("INVALID_CHALLENGE");
    let elsewhere = app.anonymous().header("user-agent", "curl/8.0");
    let of_grace = Enrolment::of(&log_in(&client, "grace").await);
    let factor = json!({ "totp": code(&of_grace.app, &app) });
    enrol(&mut elsewhere.clone(), &of_grace.challenge, factor).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn a_change_of_the_password_voids_an_enrolment() {
    let app = server(RequiredFactors::Everyone).await;
    let ada = overdue(&app, "ada").await;
    let mut thief = app.anonymous();
    let enrolment = Enrolment::of(&log_in(&thief, "ada").await);
    let update = UserUpdate { password: Some(OTHER_PASSWORD.into()), ..UserUpdate::default() };
    let by_server = Actor::Server;
    app.app.admin.update_user(user_id(&ada), update, by_server).await.expect("an update");
    let factor = json!({ "totp": code(&enrolment.app, &app) });
    enrol(&mut thief, &enrolment.challenge, factor).await.assert_refused("INVALID_CHALLENGE");
}

#[tokio::test]
async fn removing_a_factor_gains_no_time() {
    // The policy is off at one server, so that the factor can be removed there.
    let app = server(RequiredFactors::Everyone).await;
    let lax = app.replica_with(|config| config.factors.required = RequiredFactors::Off).await;
    let ada = Enrolled::new(&app, "ada").await;
    app.wait(GRACE);
    let mut elsewhere = lax.anonymous();
    let challenge = first_step(&elsewhere, "ada").await;
    second_step(&mut elsewhere, &challenge, json!({ "totp": code(&ada.app, &app) })).await.assert_done();
    remove_totp(&elsewhere).await.assert_done();
    Enrolment::of(&log_in(&app.anonymous(), "ada").await);
    let mut elsewhere = elsewhere.at(app.url("/graphql"));
    elsewhere.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_enrolments_at_the_same_time_add_one_factor() {
    let app = server(RequiredFactors::Everyone).await;
    let other = app.replica().await;
    overdue(&app, "ada").await;
    let mut attempts = Vec::new();
    for server in [&app, &other, &app, &other] {
        let mut client = server.anonymous();
        let enrolment = Enrolment::of(&log_in(&client, "ada").await);
        let factor = json!({ "totp": code(&enrolment.app, &app) });
        attempts.push(async move {
            enrol(&mut client, &enrolment.challenge, factor).await.at("/it/accessToken").is_string()
        });
    }
    let opened = spawn_all(attempts).await.into_iter().filter(|is_open| *is_open).count();
    assert_eq!(opened, 1);
}
