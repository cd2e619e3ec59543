use std::time::Duration;

use serde_json::{Value, json};

use super::{ADDRESS, VERIFIED, assert_failed, verify, with_verified_address};
use crate::support::{Answer, Client, PASSWORD, TestApp};

const NEW: &str = "countess@example.com";
const OWN: &str = "{ me { email emailVerified pendingEmail } }";

async fn set_email(client: &Client, email: Value) -> Answer {
    client.mutate("updateProfile", json!({ "email": email }), "user { pendingEmail } errors { code }").await
}

async fn undo(app: &TestApp, token: &str) -> Answer {
    app.anonymous().mutate("undoEmailChange", json!({ "token": token }), VERIFIED).await
}

fn own(email: &str, pending: Option<&str>) -> Value {
    json!({ "email": email, "emailVerified": true, "pendingEmail": pending })
}

#[tokio::test]
async fn a_new_address_replaces_the_old_one_when_it_is_verified() {
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    assert_eq!(set_email(&ada, json!(NEW)).await.assert_done().at("/it/user/pendingEmail"), NEW);
    assert_eq!(ada.ask(OWN).await.at("/me"), &own(ADDRESS, Some(NEW)));
    assert_failed(&app.anonymous().log_in(NEW, PASSWORD).await, "INVALID_CREDENTIALS");
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
    verify(&app, &app.newest_message(NEW).await.token).await.assert_done();
    assert_eq!(ada.ask(OWN).await.at("/me"), &own(NEW, None));
    app.anonymous().log_in(NEW, PASSWORD).await.assert_done();
    let notice = app.newest_message(ADDRESS).await;
    assert!(notice.text.contains(NEW) && !notice.token.is_empty(), "the previous address is told");
}

#[tokio::test]
async fn a_pending_address_is_forgotten_by_naming_the_present_one() {
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    set_email(&ada, json!(NEW)).await.assert_done();
    let link = app.newest_message(NEW).await.token;
    set_email(&ada, json!(ADDRESS)).await.assert_done();
    assert_eq!(ada.ask(OWN).await.at("/me"), &own(ADDRESS, None));
    assert_failed(&verify(&app, &link).await, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn only_the_owner_sees_the_pending_address() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, with_verified_address(&app, "ada", ADDRESS).await);
    set_email(&ada, json!(NEW)).await.assert_done();
    let seen = root.ask(r#"{ user(username: "ada") { email pendingEmail } }"#).await;
    assert_eq!(seen.at("/user"), &json!({ "email": ADDRESS, "pendingEmail": null }));
}

#[tokio::test]
async fn the_previous_address_can_undo_the_change_and_ends_all_sessions() {
    let app = TestApp::start().await;
    let intruder = with_verified_address(&app, "ada", ADDRESS).await;
    set_email(&intruder, json!("eve@example.com")).await.assert_done();
    verify(&app, &app.newest_message("eve@example.com").await.token).await.assert_done();
    let notice = app.newest_message(ADDRESS).await;

    // A second change does not take the owner's link away, and its own link is of no use after the owner's.
    set_email(&intruder, json!("eve2@example.com")).await.assert_done();
    verify(&app, &app.newest_message("eve2@example.com").await.token).await.assert_done();
    let of_intruder = app.newest_message("eve@example.com").await;
    app.wait(Duration::from_hours(71));

    undo(&app, &notice.token).await.assert_done();
    assert_eq!(intruder.me().await.code(), "UNAUTHENTICATED");
    let mut owner = app.anonymous();
    owner.log_in(ADDRESS, PASSWORD).await.assert_done();
    assert_eq!(owner.ask(OWN).await.at("/me"), &own(ADDRESS, None));
    assert_failed(&undo(&app, &of_intruder.token).await, "INVALID_CHALLENGE");
    assert_failed(&undo(&app, &notice.token).await, "INVALID_CHALLENGE");
    let to_intruder = app.newest_message("eve2@example.com").await;
    assert!(!to_intruder.text.contains("undo-email-change"), "an undone change cannot be undone");
}

#[tokio::test]
async fn a_change_can_be_undone_for_three_days() {
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    set_email(&ada, json!(NEW)).await.assert_done();
    verify(&app, &app.newest_message(NEW).await.token).await.assert_done();
    let notice = app.newest_message(ADDRESS).await;
    app.wait(Duration::from_hours(72));
    assert_failed(&undo(&app, &notice.token).await, "INVALID_CHALLENGE");
}

#[tokio::test]
async fn an_address_that_belongs_to_another_account_stays_there() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let eve = with_verified_address(&app, "eve", "eve@example.com").await;
    set_email(&eve, json!(ADDRESS)).await.assert_done();
    let link = app.newest_message(ADDRESS).await.token;
    assert_failed(&verify(&app, &link).await, "EMAIL_TAKEN");
    assert_eq!(eve.ask(OWN).await.at("/me/email"), "eve@example.com");
}

#[tokio::test]
async fn an_address_that_is_removed_is_told() {
    let app = TestApp::start().await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    set_email(&ada, Value::Null).await.assert_done();
    let me = ada.ask(OWN).await;
    assert_eq!(me.at("/me"), &json!({ "email": null, "emailVerified": false, "pendingEmail": null }));
    undo(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    app.anonymous().log_in(ADDRESS, PASSWORD).await.assert_done();
}
