//! The last administrator cannot be deleted, disabled or demoted.

use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TestApp, USER};

const DELETED: &str = "deletedId errors { code message field retryAfter }";

#[tokio::test]
async fn the_last_administrator_cannot_be_removed() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for answer in [
        root.mutate("updateUser", json!({ "id": root.user_id, "roles": ["user"] }), USER).await,
        root.mutate("updateUser", json!({ "id": root.user_id, "roles": [] }), USER).await,
        root.mutate("updateUser", json!({ "id": root.user_id, "disabled": true }), USER).await,
        root.mutate("deleteAccount", json!({ "password": PASSWORD }), DELETED).await,
    ] {
        answer.assert_refused("LAST_ADMIN");
        assert_eq!(answer.at("/it/errors/0/field"), &Value::Null);
    }
    root.ask("{ me { id } }").await.assert_done();
}

#[tokio::test]
async fn a_disabled_administrator_does_not_count() {
    let app = TestApp::start().await;
    let (root, second) = (app.admin().await, app.with_roles("second", &["admin"]).await);
    root.mutate("updateUser", json!({ "id": second.user_id, "disabled": true }), USER).await.assert_done();
    let removed = root.mutate("deleteAccount", json!({ "password": PASSWORD }), DELETED).await;
    removed.assert_refused("LAST_ADMIN");
    root.mutate("deleteUser", json!({ "id": second.user_id }), DELETED).await.assert_done();
}

#[tokio::test]
async fn of_two_administrators_who_demote_each_other_at_once_one_stays() {
    let app = TestApp::start().await;
    one_stays(&app, async |one, other| {
        one.mutate("updateUser", json!({ "id": other.user_id, "roles": ["user"] }), USER).await
    })
    .await;
}

#[tokio::test]
async fn of_two_administrators_who_disable_each_other_at_once_one_stays() {
    let app = TestApp::start().await;
    one_stays(&app, async |one, other| {
        one.mutate("updateUser", json!({ "id": other.user_id, "disabled": true }), USER).await
    })
    .await;
}

#[tokio::test]
async fn of_two_administrators_who_delete_each_other_at_once_one_stays() {
    let app = TestApp::start().await;
    one_stays(&app, async |one, other| {
        one.mutate("deleteUser", json!({ "id": other.user_id }), DELETED).await
    })
    .await;
}

#[tokio::test]
async fn of_two_administrators_who_leave_at_once_one_stays() {
    let app = TestApp::start().await;
    one_stays(&app, async |one, _| {
        one.mutate("deleteAccount", json!({ "password": PASSWORD }), DELETED).await
    })
    .await;
}

/// Lets two administrators do away with each other at once, several times: one of the two stays, and the
/// other attempt gets a clean answer.
async fn one_stays(app: &TestApp, remove: impl AsyncFn(&Client, &Client) -> Answer) {
    let mut admin = app.with_roles("admin", &["admin"]).await;
    for round in 0..5 {
        let rival = app.with_roles(&format!("rival{round}"), &["admin"]).await;
        let (one, other) = tokio::join!(remove(&admin, &rival), remove(&rival, &admin));
        let refused: Vec<&Answer> = [&one, &other].into_iter().filter(|answer| !is_done(answer)).collect();
        let [refused] = refused[..] else { panic!("{} {}", one.body, other.body) };
        let is_clean = refused.codes() == ["LAST_ADMIN"] || refused.code() == "UNAUTHENTICATED";
        assert!(is_clean, "{}", refused.body);
        let stay = (is_admin(&admin).await, is_admin(&rival).await);
        assert!(stay.0 != stay.1, "who stays: {stay:?}");
        admin = if stay.0 { admin } else { rival };
    }
}

fn is_done(answer: &Answer) -> bool {
    answer.body.get("errors").is_none() && answer.codes().is_empty()
}

async fn is_admin(client: &Client) -> bool {
    client.ask("{ me { roles } }").await.at("/me/roles") == &json!(["admin"])
}
