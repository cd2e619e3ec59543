//! Notices that an account will be deleted, and that it is used from a new device.

use std::time::Duration;

use portcullis::config::LimitsConfig;
use serde_json::json;

use super::{ADDRESS, assert_failed, by_token, request, with_address, with_verified_address};
use crate::support::{AUTH, Client, Message, PASSWORD, TestApp, USER};

const WEEK: Duration = Duration::from_hours(7 * 24);
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const UPDATED_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/605.1";
const HOME: &str = "203.0.113.5";

async fn with_notices() -> TestApp {
    TestApp::with(|config| config.accounts.notify_new_device = true).await
}

async fn leave(client: &Client) {
    let input = json!({ "password": PASSWORD });
    client.mutate("deleteAccount", input, "deletedId errors { code }").await.assert_done();
}

/// Signs ada in from a device.
async fn sign_in(app: &TestApp, user_agent: &str, address: &str) -> Client {
    let mut ada = app.anonymous().header("user-agent", user_agent).behind(address);
    ada.log_in("ada", PASSWORD).await.assert_done();
    ada
}

/// The messages to ada with this subject.
async fn with_subject(app: &TestApp, subject: &str) -> Vec<Message> {
    let subject = format!("Subject: {subject}");
    let mut messages = app.messages(ADDRESS).await;
    messages.retain(|message| message.text.lines().any(|line| line.trim_end() == subject));
    messages
}

async fn notices(app: &TestApp) -> usize {
    with_subject(app, "New sign-in to your account").await.len()
}

#[tokio::test]
async fn a_scheduled_deletion_is_announced_with_the_way_to_cancel_it() {
    let app = TestApp::with(|config| config.accounts.delete_after = WEEK).await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    leave(&ada).await;
    let notice = with_subject(&app, "Your account will be deleted").await.pop().expect("a notice");
    let text = notice.text.replace("\r\n", " ");
    assert!(text.contains("will be deleted in 7 days"), "{text}");
    assert!(text.contains("To keep it, sign in before then."), "{text}");
    assert!(notice.token.is_empty() && notice.code.is_empty() && !text.contains(PASSWORD), "{text}");
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_scheduled_deletion_is_announced_in_the_language_of_the_account() {
    let app = TestApp::with(|config| config.accounts.delete_after = WEEK).await;
    let ada = with_verified_address(&app, "ada", ADDRESS).await;
    ada.mutate("updateProfile", json!({ "locale": "de-AT" }), USER).await.assert_done();
    leave(&ada).await;
    let notice = with_subject(&app, "Ihr Konto wird gelöscht").await;
    let text = match notice.first() {
        Some(notice) => notice.text.clone(),
        // A subject that is not ASCII is encoded.
        None => app.newest_message(ADDRESS).await.text,
    };
    assert!(text.contains("noch 7 Tage lang verhindern"), "{text}");
}

#[tokio::test]
async fn a_deletion_without_a_delay_or_with_an_unverified_address_is_not_announced() {
    let app = TestApp::start().await;
    leave(&with_verified_address(&app, "ada", ADDRESS).await).await;
    assert!(with_subject(&app, "Your account will be deleted").await.is_empty());
    let app = TestApp::with(|config| config.accounts.delete_after = WEEK).await;
    leave(&with_address(&app, "ada", ADDRESS).await).await;
    assert!(with_subject(&app, "Your account will be deleted").await.is_empty());
}

#[tokio::test]
async fn a_client_with_the_password_cannot_flood_the_mailbox_with_announcements() {
    let app = TestApp::with(|config| {
        config.limits = LimitsConfig::default();
        config.accounts.delete_after = WEEK;
    })
    .await;
    with_verified_address(&app, "ada", ADDRESS).await;
    for _ in 0..8 {
        leave(&sign_in(&app, FIREFOX, HOME).await).await;
    }
    assert_eq!(with_subject(&app, "Your account will be deleted").await.len(), 5);
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_or_network_is_announced_once() {
    let app = with_notices().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    assert_eq!(notices(&app).await, 0, "the registration");
    let mut ada = sign_in(&app, FIREFOX, HOME).await;
    assert_eq!(notices(&app).await, 1);
    for _ in 0..3 {
        ada.refresh().await.assert_done();
    }
    sign_in(&app, UPDATED_FIREFOX, HOME).await;
    sign_in(&app, FIREFOX, "203.0.113.77").await;
    assert_eq!(notices(&app).await, 1, "a refresh, a new version and an address nearby");
    sign_in(&app, FIREFOX, "198.51.100.9").await;
    assert_eq!(notices(&app).await, 2, "another network");
    sign_in(&app, SAFARI, HOME).await;
    assert_eq!(notices(&app).await, 3, "another device");
    sign_in(&app, SAFARI, "198.51.100.9").await;
    assert_eq!(notices(&app).await, 3, "both are known");
}

#[tokio::test]
async fn a_notice_of_a_new_device_names_it_and_reveals_nothing() {
    let app = with_notices().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let ada = sign_in(&app, &format!("{FIREFOX} open https://evil.example"), HOME).await;
    let notice = with_subject(&app, "New sign-in to your account").await.pop().expect("a notice");
    assert!(notice.text.contains("203.0.113.5 (Firefox, Linux)"), "{}", notice.text);
    assert!(notice.token.is_empty() && notice.code.is_empty(), "{}", notice.text);
    for secret in [PASSWORD, "evil.example", ada.kept(), ada.token.as_deref().expect("a token")] {
        assert!(!notice.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_device_that_was_signed_out_stays_known_until_its_session_would_have_expired() {
    let app = with_notices().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let ada = sign_in(&app, FIREFOX, HOME).await;
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    sign_in(&app, FIREFOX, HOME).await;
    assert_eq!(notices(&app).await, 1);
}

#[tokio::test]
async fn the_first_sign_in_is_not_announced() {
    let app = TestApp::with(|config| {
        config.accounts.notify_new_device = true;
        config.accounts.verify_before_sign_in = true;
    })
    .await;
    let input = json!({ "username": "ada", "password": PASSWORD, "email": ADDRESS });
    assert_failed(&app.anonymous().mutate("register", input, AUTH).await, "EMAIL_NOT_VERIFIED");
    super::verify(&app, &app.newest_message(ADDRESS).await.token).await.assert_done();
    sign_in(&app, FIREFOX, HOME).await;
    assert_eq!(notices(&app).await, 0);
    sign_in(&app, SAFARI, HOME).await;
    assert_eq!(notices(&app).await, 1);
}

#[tokio::test]
async fn a_sign_in_by_e_mail_from_a_new_device_is_announced() {
    let app = TestApp::with(|config| {
        config.accounts.notify_new_device = true;
        config.accounts.email_sign_in = true;
    })
    .await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let client = app.anonymous().header("user-agent", FIREFOX).behind(HOME);
    request(&client, "requestLoginEmail", ADDRESS).await;
    let proof = json!({ "proof": by_token(&app.newest_message(ADDRESS).await.token) });
    client.mutate("loginWithEmail", proof, AUTH).await.assert_done();
    assert_eq!(notices(&app).await, 1);
}

#[tokio::test]
async fn new_devices_are_announced_only_if_set_and_to_a_verified_address() {
    let app = TestApp::start().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    sign_in(&app, FIREFOX, HOME).await;
    assert_eq!(notices(&app).await, 0, "it is off by default");
    let app = with_notices().await;
    with_address(&app, "ada", ADDRESS).await;
    sign_in(&app, FIREFOX, HOME).await;
    assert_eq!(notices(&app).await, 0, "the address may be anybody's");
}

#[tokio::test]
async fn a_failed_sign_in_is_not_announced() {
    let app = with_notices().await;
    with_verified_address(&app, "ada", ADDRESS).await;
    let mut attacker = app.anonymous().header("user-agent", FIREFOX).behind(HOME);
    assert_failed(&attacker.log_in("ada", "wrong horse battery staple").await, "INVALID_CREDENTIALS");
    assert_eq!(notices(&app).await, 0);
}

#[tokio::test]
async fn a_client_with_the_password_cannot_flood_the_mailbox_with_devices() {
    let app = TestApp::with(|config| {
        config.limits = LimitsConfig::default();
        config.accounts.notify_new_device = true;
    })
    .await;
    with_verified_address(&app, "ada", ADDRESS).await;
    for number in 0..9 {
        sign_in(&app, &format!("Device{number}/1.0"), HOME).await;
    }
    assert_eq!(notices(&app).await, 5);
    app.wait(Duration::from_mins(1));
    sign_in(&app, SAFARI, HOME).await;
    assert_eq!(notices(&app).await, 6, "the next one after a minute");
}
