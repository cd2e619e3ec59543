//! Quotas of an account: sign-ins, changes and refreshes.

use std::time::Duration;

use portcullis::config::{Backoff, Config};
use serde_json::json;

use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, USER};

const HOME: &str = "198.51.100.7";

/// A backoff with this many free attempts, and then one attempt per minute.
fn minute_after(free_attempts: u32) -> Backoff {
    let minute = Duration::from_mins(1);
    Backoff { free_attempts, initial_delay: minute, max_delay: minute, forget_after: Duration::from_hours(1) }
}

fn three_logins(config: &mut Config) {
    config.limits.enabled = true;
    config.limits.logins = minute_after(3);
}

fn at(app: &TestApp, address: &str) -> Client {
    app.anonymous().behind(address)
}

fn assert_minute(refused: &Answer) {
    refused.assert_refused("RATE_LIMITED");
    let seconds = refused.at("/it/errors/0/retryAfter").as_u64().expect("a number");
    assert!((50..=60).contains(&seconds), "{seconds}");
}

/// How many events of this kind the audit log has.
async fn count(root: &Client, action: &str) -> usize {
    let query =
        format!("{{ auditEvents(first: 100, filter: {{ actions: [{action}] }}) {{ nodes {{ id }} }} }}");
    root.ask(&query).await.assert_done().at("/auditEvents/nodes").as_array().expect("a list").len()
}

#[tokio::test]
async fn an_account_signs_in_so_often_from_wherever_and_then_waits() {
    let app = TestApp::with(three_logins).await;
    let other = app.replica().await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_done();
    at(&other, "203.0.113.1").log_in("ada", PASSWORD).await.assert_done();
    for address in [HOME, "203.0.113.1", "203.0.113.2"] {
        assert_minute(&at(&other, address).log_in("ada", PASSWORD).await);
    }
    at(&app, HOME).register("bob", PASSWORD).await.assert_done();
    app.wait(Duration::from_mins(1));
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn the_password_of_an_account_is_tried_so_often_from_an_address_right_or_wrong() {
    let app = TestApp::with(three_logins).await;
    let root = app.admin().await;
    let ada = app.signed_in("ada").await;
    let disable = json!({ "id": ada.user_id, "disabled": true });
    root.mutate("updateUser", disable, USER).await.assert_done();
    for _ in 0..3 {
        at(&app, HOME).log_in("ada", PASSWORD).await.assert_refused("ACCOUNT_DISABLED");
    }
    for _ in 0..3 {
        assert_minute(&at(&app, HOME).log_in("ada", PASSWORD).await);
    }
    assert_eq!(count(&root, "LOGIN_FAILED").await, 3);

    let grace = app.signed_in("grace").await.behind(HOME);
    let mut password = [PASSWORD, OTHER_PASSWORD].into_iter().cycle();
    let mut current = password.next().expect("a password");
    let mut grace = grace;
    for _ in 0..3 {
        let new = password.next().expect("a password");
        let change = json!({ "currentPassword": current, "newPassword": new });
        grace.keep(grace.mutate("changePassword", change, AUTH).await).assert_done();
        current = new;
    }
    let change = json!({ "currentPassword": current, "newPassword": current });
    assert_minute(&grace.mutate("changePassword", change, AUTH).await);
}

#[tokio::test]
async fn a_guesser_does_not_use_up_the_sign_ins_of_an_owner() {
    let app = TestApp::with(three_logins).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    for number in 0..20 {
        let mut guesser = at(&app, &format!("203.0.{number}.1"));
        guesser.log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_done();
    at(&app, "192.0.2.1").log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn an_account_changes_itself_so_often_and_then_waits() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.changes = minute_after(3);
    })
    .await;
    let other = app.replica().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let profile = |number: usize| json!({ "displayName": format!("Ada {number}") });
    for number in 0..3 {
        ada.mutate("updateProfile", profile(number), USER).await.assert_done();
    }
    let there = ada.clone().at(other.url("/graphql"));
    for client in [&ada, &there] {
        let refused = client.mutate("updateProfile", profile(3), USER).await;
        assert_minute(&refused);
        assert!(refused.at("/it/user").is_null());
    }
    assert_eq!(count(&root, "USER_UPDATED").await, 3);

    // Neither administrators nor the accounts that they change are throttled.
    for number in 0..10 {
        let mut update = profile(number);
        update["id"] = json!(ada.user_id);
        root.mutate("updateUser", update, USER).await.assert_done();
    }
    ada.ask("mutation { it: revokeOtherSessions { errors { code } } }").await.assert_done();
    app.wait(Duration::from_mins(1));
    ada.mutate("updateProfile", profile(3), USER).await.assert_done();
}

#[tokio::test]
async fn the_sessions_of_an_account_are_refreshed_so_often_in_a_minute() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.refreshes_per_minute = 3;
    })
    .await;
    let (mut ada, mut bob) = (app.signed_in("ada").await, app.signed_in("bob").await);
    let mut second = app.anonymous();
    second.log_in("ada", PASSWORD).await.assert_done();
    let left = 60 - app.clock().now().timestamp().rem_euclid(60);
    app.wait(Duration::from_secs(u64::try_from(left).expect("a time to come")));
    second.refresh().await.assert_done();
    for _ in 0..2 {
        ada.refresh().await.assert_done();
    }
    for client in [&mut ada, &mut second] {
        let kept = client.kept().to_owned();
        let refused = client.refresh_with(&kept).await;
        refused.assert_refused("RATE_LIMITED");
        let seconds = refused.at("/it/errors/0/retryAfter").as_u64().expect("a number");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    bob.refresh().await.assert_done();
    app.wait(Duration::from_mins(1));
    ada.refresh().await.assert_done();
}
