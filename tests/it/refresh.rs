//! Refresh tokens: rotation, concurrent use, theft and expiry.

use std::{collections::HashSet, time::Duration};

use serde_json::json;

use crate::support::{Client, TestApp};

const INVALID: &str = "INVALID_REFRESH_TOKEN";
const DAY: Duration = Duration::from_hours(24);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How many thefts the audit log tells of, and whose the last one was.
async fn thefts(app: &TestApp) -> (usize, String) {
    let query = "{ it: auditEvents(filter: { actions: [REFRESH_TOKEN_REUSED] }) { nodes { user { id } } } }";
    let answer = app.admin().await.ask(query).await;
    let nodes = answer.assert_done().at("/it/nodes").as_array().cloned().unwrap_or_default();
    let last = nodes.first().and_then(|node| node["user"]["id"].as_str());
    (nodes.len(), last.unwrap_or_default().to_owned())
}

async fn assert_session_is_over(client: &Client) {
    client.refresh_with(client.kept()).await.assert_refused(INVALID);
    client.me().await.assert_unauthenticated("TOKEN_REVOKED");
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_and_keeps_the_session() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let before = ada.clone();
    ada.refresh().await.assert_done();
    assert_eq!(ada.session_id, before.session_id);
    assert_ne!(ada.refresh_token, before.refresh_token);
    assert_ne!(ada.token, before.token);
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_chain_of_refreshes_goes_on_in_one_session() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let session = ada.session_id.clone();
    let mut seen = HashSet::from([ada.kept().to_owned()]);
    for _ in 0..20 {
        ada.refresh().await.assert_done();
        assert_eq!(ada.session_id, session);
        assert!(seen.insert(ada.kept().to_owned()), "a refresh token comes once");
    }
    let sessions = ada.ask("{ me { sessions { totalCount } } }").await;
    assert_eq!(sessions.at("/me/sessions/totalCount"), 1);
}

#[tokio::test]
async fn a_token_that_is_used_again_within_the_grace_gives_the_same_successor() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    app.wait(seconds(8));
    let again = ada.refresh_with(&used).await;
    assert_eq!(again.assert_done().at("/it/refreshToken"), ada.kept());
    assert_eq!(again.at("/it/session/id"), &*ada.session_id);
    ada.refresh().await.assert_done();
}

#[tokio::test]
async fn a_reused_refresh_token_ends_the_session() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let mut elsewhere = app.anonymous();
    elsewhere.log_in("ada", crate::support::PASSWORD).await.assert_done();
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    app.wait(seconds(11));

    app.anonymous().refresh_with(&used).await.assert_refused(INVALID);
    assert_session_is_over(&ada).await;
    ada.refresh_with(&used).await.assert_refused(INVALID);
    elsewhere.me().await.assert_done();
    elsewhere.refresh().await.assert_done();
    assert_eq!(thefts(&app).await, (1, ada.user_id));
}

#[tokio::test]
async fn a_token_two_generations_old_ends_the_session_even_within_the_grace() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    ada.refresh().await.assert_done();
    ada.refresh_with(&used).await.assert_refused(INVALID);
    assert_session_is_over(&ada).await;
    assert_eq!(thefts(&app).await, (1, ada.user_id));
}

#[tokio::test]
async fn without_a_grace_the_first_reuse_is_theft() {
    let app = TestApp::with(|config| config.tokens.refresh_grace = Duration::ZERO).await;
    let mut ada = app.signed_in("ada").await;
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    ada.refresh_with(&used).await.assert_refused(INVALID);
    assert_session_is_over(&ada).await;
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_changes_nothing() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let token = ada.kept().to_owned();
    let other_server = TestApp::start().await;
    let foreign = other_server.signed_in("ada").await;
    let access_token = ada.token.clone().expect("a token");
    let swap = |at: usize| {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    };
    let mut bad = vec![
        String::new(),
        "prt_".to_owned(),
        token[4..].to_owned(),
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!(" {token}"),
        token.to_uppercase(),
        "prt_".to_owned() + &"A".repeat(token.len() - 4),
        "A".repeat(100_000),
        "prt_\u{1F511}\0".to_owned(),
        foreign.kept().to_owned(),
        access_token,
    ];
    bad.extend([4, 24, 30, 50, 70, 90].map(swap));
    for bad in bad {
        let answer = ada.refresh_with(&bad).await;
        answer.assert_refused(INVALID);
        assert!(answer.at("/it/accessToken").is_null() && answer.at("/it/session").is_null());
    }
    ada.me().await.assert_done();
    ada.refresh().await.assert_done();
    assert_eq!(thefts(&app).await.0, 0);
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let bearing = ada.clone().bearing(ada.kept());
    bearing.me().await.assert_unauthenticated("TOKEN_MALFORMED");
}

#[tokio::test]
async fn a_refresh_without_any_token_is_refused() {
    let app = TestApp::start().await;
    let answer = app.anonymous().ask("mutation { it: refresh { errors { code } } }").await;
    answer.assert_refused(INVALID);
}

#[tokio::test]
async fn a_refresh_works_beside_a_stale_authorization_header() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    app.wait(Duration::from_hours(2));
    ada.me().await.assert_unauthenticated("TOKEN_EXPIRED");
    ada.refresh().await.assert_done();
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_session_lasts_as_long_as_it_is_refreshed_in_time() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    for _ in 0..3 {
        app.wait(6 * DAY);
        ada.refresh().await.assert_done();
    }
    app.wait(7 * DAY);
    ada.refresh().await.assert_refused(INVALID);
    assert_eq!(thefts(&app).await.0, 0, "to come late is no theft");
}

#[tokio::test]
async fn a_session_ends_after_ninety_days_however_often_it_is_refreshed() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let began = app.clock().now();
    for _ in 0..14 {
        app.wait(6 * DAY);
        ada.refresh().await.assert_done();
    }
    let session = ada.ask("{ session { expiresAt } }").await;
    let expires_at = session.at("/session/expiresAt").as_str().expect("a time").to_owned();
    let expires_at: chrono::DateTime<chrono::Utc> = expires_at.parse().expect("RFC 3339");
    assert!((began + 90 * DAY - expires_at).abs() < chrono::TimeDelta::minutes(1), "{expires_at}");
    app.wait(seconds(6 * 24 * 3600 - 120));
    ada.refresh().await.assert_done();
    app.wait(seconds(121));
    ada.refresh().await.assert_refused(INVALID);
}

#[tokio::test]
async fn an_access_token_expires_to_the_second() {
    let app = TestApp::with(|config| config.tokens.access_ttl = seconds(300)).await;
    let ada = app.signed_in("ada").await;
    let exp = crate::support::decode(ada.token.as_deref().expect("a token")).1["exp"].as_i64();
    let exp = chrono::DateTime::from_timestamp(exp.expect("a number"), 0).expect("a time");
    let left = || (exp - app.clock().now()).to_std().expect("the token lives");
    app.wait(left().saturating_sub(Duration::from_millis(1500)));
    ada.me().await.assert_done();
    app.wait(left());
    ada.me().await.assert_unauthenticated("TOKEN_EXPIRED");
}

#[tokio::test]
async fn the_payload_tells_how_long_the_access_token_lives() {
    let app = TestApp::with(|config| config.tokens.access_ttl = seconds(3)).await;
    let mut ada = app.anonymous();
    let input = json!({ "username": "ada", "password": crate::support::PASSWORD });
    let answer = ada.mutate("register", input, crate::support::AUTH).await;
    assert_eq!(ada.keep(answer).at("/it/expiresIn"), 3);
    assert_eq!(ada.refresh().await.at("/it/expiresIn"), 3);
}
