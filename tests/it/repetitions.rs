//! Repeated refreshes: a client that lost a response or has two tabs succeeds, and a thief who repeats each refresh of
//! a session gains little.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, TestApp, refresh_at_once};

const INVALID: &str = "INVALID_REFRESH_TOKEN";
const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "203.0.113.9";
const BROWSER: &str = "a browser";

async fn at_home(app: &TestApp) -> Client {
    let mut ada = app.anonymous().behind(HOME).header("user-agent", BROWSER);
    ada.register("ada", crate::support::PASSWORD).await.assert_done();
    ada
}

/// A copy of the tokens, sent from another address.
fn thief(ada: &Client, user_agent: &str) -> Client {
    ada.clone().without_headers().behind(ELSEWHERE).header("user-agent", user_agent)
}

/// The addresses of the events of this kind, the newest first.
async fn events(root: &Client, action: &str) -> Vec<Value> {
    let query = format!(
        "{{ auditEvents(filter: {{ actions: [{action}] }}) {{ nodes {{ user {{ username }} ipAddress }} }} }}"
    );
    let answer = root.ask(&query).await;
    answer.assert_done().at("/auditEvents/nodes").as_array().expect("a list").clone()
}

/// The last repetition, as the user of the session sees it: whether there was one, and its address.
async fn last_repetition(ada: &Client) -> (bool, Option<String>) {
    let answer = ada.ask("{ session { refreshRepeatedAt refreshRepeatedFrom } }").await;
    let session = answer.assert_done().at("/session");
    let from = session["refreshRepeatedFrom"].as_str().map(ToOwned::to_owned);
    (session["refreshRepeatedAt"].is_string(), from)
}

#[tokio::test]
async fn a_rotation_is_repeated_twice_and_a_third_time_is_refused_without_ending_the_session() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = at_home(&app).await;
    assert_eq!(last_repetition(&ada).await, (false, None));
    for _ in 0..2 {
        let used = ada.kept().to_owned();
        ada.refresh().await.assert_done();
        for _ in 0..2 {
            let again = ada.refresh_with(&used).await;
            assert_eq!(again.assert_done().at("/it/refreshToken"), ada.kept());
            app.wait(Duration::from_secs(1));
        }
        for _ in 0..3 {
            let refused = ada.refresh_with(&used).await;
            assert_eq!(refused.error()["code"], "RATE_LIMITED");
            assert_eq!(refused.error()["retryAfter"], 1);
            assert!(refused.body["data"].is_null(), "{}", refused.body);
        }
        ada.me().await.assert_done();
    }
    ada.refresh().await.assert_done();
    assert_eq!(last_repetition(&ada).await, (true, Some(HOME.to_owned())));
    assert_eq!(events(&root, "REFRESH_TOKEN_REPEATED").await, Vec::<Value>::new());
    assert_eq!(events(&root, "REFRESH_TOKEN_REUSED").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_token_whose_repetitions_are_used_up_is_still_reused_when_the_grace_is_over() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = at_home(&app).await;
    let used = ada.kept().to_owned();
    for _ in 0..3 {
        ada.refresh_with(&used).await.assert_done();
    }
    assert_eq!(ada.refresh_with(&used).await.error()["code"], "RATE_LIMITED");
    app.wait(Duration::from_secs(11));
    ada.refresh_with(&used).await.assert_refused(INVALID);
    assert_eq!(events(&root, "REFRESH_TOKEN_REUSED").await.len(), 1);
    ada.refresh().await.assert_refused(INVALID);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_refreshes_at_once_three_get_one_successor_and_none_ends_the_session() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = app.signed_in("ada").await;
    let served = refresh_at_once(vec![ada; 50]).await;

    let mut one = served[0].clone();
    one.refresh().await.assert_done();
    let another = served[1].refresh_with(served[1].kept()).await;
    assert_eq!(another.at("/it/refreshToken"), one.kept(), "the chain has not split");
    one.me().await.assert_done();
    assert_eq!(events(&root, "REFRESH_TOKEN_REUSED").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_repetition_with_another_user_agent_ends_the_session() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for agent in ["another browser", ""] {
        let mut ada = app.anonymous().behind(HOME).header("user-agent", BROWSER);
        ada.register(if agent.is_empty() { "grace" } else { "ada" }, crate::support::PASSWORD)
            .await
            .assert_done();
        let before = ada.clone();
        ada.refresh().await.assert_done();
        let thief = if agent.is_empty() { before.without_headers() } else { thief(&before, agent) };
        thief.refresh_with(thief.kept()).await.assert_refused(INVALID);
        ada.refresh_with(ada.kept()).await.assert_refused(INVALID);
        ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
    }
    assert_eq!(events(&root, "REFRESH_TOKEN_REUSED").await.len(), 2);
}

#[tokio::test]
async fn whoever_shadows_a_session_from_another_address_is_audited_at_each_rotation_and_shown_to_the_owner() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = at_home(&app).await;
    for rotation in 1..=6 {
        let thief = thief(&ada, BROWSER);
        ada.refresh().await.assert_done();
        app.wait(Duration::from_secs(2));
        let shadowed = thief.refresh_with(thief.kept()).await;
        assert_eq!(shadowed.assert_done().at("/it/refreshToken"), ada.kept());
        assert_eq!(last_repetition(&ada).await, (true, Some(ELSEWHERE.to_owned())));
        let audited = events(&root, "REFRESH_TOKEN_REPEATED").await;
        assert_eq!(audited.len(), rotation);
        assert_eq!(
            (&audited[0]["user"]["username"], &audited[0]["ipAddress"]),
            (&"ada".into(), &ELSEWHERE.into())
        );
        app.wait(Duration::from_mins(5));
    }
    // A phone that changes networks within the grace period does the same, and goes on.
    ada.refresh().await.assert_done();
}

#[tokio::test]
async fn a_replica_and_another_share_the_count_of_repetitions() {
    let [app, other] = TestApp::two().await;
    let mut ada = app.signed_in("ada").await;
    let used = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    let elsewhere = ada.clone().at(other.url("/graphql"));
    elsewhere.refresh_with(&used).await.assert_done();
    ada.refresh_with(&used).await.assert_done();
    for client in [&ada, &elsewhere] {
        assert_eq!(client.refresh_with(&used).await.error()["code"], "RATE_LIMITED");
    }
}
