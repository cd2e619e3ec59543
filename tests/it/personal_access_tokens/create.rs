//! The creation of a token: its bounds, and the recent login that it requires.

use std::time::Duration;

use portcullis::config::RoleConfig;
use serde_json::json;

use super::{CREATED, DAY, ask_for, create, list, revoke};
use crate::support::TestApp;

#[tokio::test]
async fn a_token_lives_for_366_days_at_most_and_the_operator_may_allow_less() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    ask_for(&app, &ada, &[], 366 * DAY).await.assert_done();
    ask_for(&app, &ada, &[], 366 * DAY + Duration::from_mins(1)).await.assert_failed("BAD_USER_INPUT");
    ask_for(&app, &ada, &[], Duration::ZERO).await.assert_failed("BAD_USER_INPUT");
    let past = json!({ "name": "a", "scopes": [], "expiresAt": "2020-01-01T00:00:00Z" });
    ada.mutate("createPersonalAccessToken", past, CREATED).await.assert_failed("BAD_USER_INPUT");
    assert_eq!(list(&ada).await["totalCount"], 1);

    let strict = TestApp::with(|config| config.tokens.personal_max_lifetime = 7 * DAY).await;
    let ada = strict.signed_in("ada").await;
    ask_for(&strict, &ada, &[], 7 * DAY).await.assert_done();
    ask_for(&strict, &ada, &[], 8 * DAY).await.assert_failed("BAD_USER_INPUT");
}

#[tokio::test]
async fn a_token_gets_only_scopes_of_its_owner() {
    let app = TestApp::with(|config| {
        let scopes = vec!["notes:read".to_owned(), "users:read".to_owned()];
        config.roles.insert("reader".to_owned(), RoleConfig::new(scopes));
    })
    .await;
    let ada = app.with_roles("ada", &["reader"]).await;
    for scopes in [&["users:write"][..], &["notes:read", "users:write"], &[""], &["notes:read users:write"]] {
        ask_for(&app, &ada, scopes, DAY).await.assert_failed("BAD_USER_INPUT");
    }
    let answer = ask_for(&app, &ada, &["users:read", "notes:read", "users:read"], DAY).await;
    let scopes = json!(["notes:read", "users:read"]);
    assert_eq!(answer.assert_done().at("/it/personalAccessToken/scopes"), &scopes);
}

#[tokio::test]
async fn a_name_is_one_line_of_at_most_64_characters() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let expires_at = app.clock().now() + DAY;
    for name in ["", "  ", "a\nb", "a\0b", &"a".repeat(65), &"a".repeat(10_000)] {
        let input = json!({ "name": name, "scopes": [], "expiresAt": expires_at });
        ada.mutate("createPersonalAccessToken", input, CREATED).await.assert_failed("BAD_USER_INPUT");
    }
    let input = json!({ "name": format!(" {} ", "ä".repeat(64)), "scopes": [], "expiresAt": expires_at });
    let answer = ada.mutate("createPersonalAccessToken", input, CREATED).await;
    assert_eq!(answer.assert_done().at("/it/personalAccessToken/name"), "ä".repeat(64).as_str());
}

#[tokio::test]
async fn a_creation_requires_a_recent_login() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    app.wait(Duration::from_secs(301));
    ask_for(&app, &ada, &[], DAY).await.assert_unauthenticated("INSUFFICIENT_USER_AUTHENTICATION");
    ask_for(&app, &app.anonymous(), &[], DAY).await.assert_unauthenticated("TOKEN_MISSING");
}

#[tokio::test]
async fn an_account_has_at_most_50_tokens_even_if_they_are_requested_at_once() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let first = create(&app, &ada, &[]).await;
    for _ in 0..47 {
        create(&app, &ada, &[]).await;
    }
    let requests = (0..6).map(|_| ask_for(&app, &ada, &[], DAY));
    let answers = futures_util::future::join_all(requests).await;
    let refused = answers.iter().filter(|answer| answer.codes() == ["LIMIT_REACHED"]).count();
    assert_eq!((refused, list(&ada).await["totalCount"].clone()), (4, json!(50)));
    revoke(&ada, &first.id).await.assert_done();
    ask_for(&app, &ada, &[], DAY).await.assert_done();
    ask_for(&app, &ada, &[], DAY).await.assert_refused("LIMIT_REACHED");
}
