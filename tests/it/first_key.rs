//! A server that has no active key or cannot read its keys: how it recovers, and what it logs.

use std::time::Duration;

use portcullis::{app::App, tokens::KeyState};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::{PASSWORD, Process, QUICK, TestApp, eventually};

const YEAR: Duration = Duration::from_hours(365 * 24);

/// Leaves the database without an active key, and notifies no server.
const REVOKE: &str = "UPDATE signing_keys SET revoked_at = 1, published_until = 1";

async fn count(app: &TestApp, table: &str) -> i64 {
    let db = app.app.database.reader();
    let sql = Statement::from_string(db.get_database_backend(), format!("SELECT COUNT(*) AS n FROM {table}"));
    let row = db.query_one_raw(sql).await.expect("the database answers").expect("a row");
    row.try_get("", "n").expect("a number")
}

#[tokio::test]
async fn people_sign_in_after_a_first_start_whose_clock_was_ahead() {
    let ahead = TestApp::ahead(YEAR).await;
    ahead.stop().await;
    let app = ahead.replica_ahead(Duration::ZERO).await;
    let mut ada = app.signed_in("ada").await;
    ada.me().await.assert_done();
    ada.refresh().await.assert_done();
    ada.log_in("ada", PASSWORD).await.assert_done();
    let keys = app.app.keyring.list().await.expect("the database answers");
    assert!(matches!(keys[..], [ref key] if matches!(key.state, KeyState::Active { .. })), "{keys:?}");
    assert_eq!(app.request("GET", "/readyz", &[]).await.status, 200);
}

#[tokio::test]
async fn a_server_signs_with_a_key_of_a_server_whose_clock_is_ahead() {
    let app = TestApp::ahead(Duration::from_secs(20)).await;
    let other = app.replica_ahead(Duration::ZERO).await;
    let ada = other.signed_in("ada").await;
    ada.me().await.assert_done();
    ada.at(app.url("/graphql")).me().await.assert_done();
}

#[tokio::test]
async fn a_server_knows_the_key_that_another_server_activates_during_its_start() {
    let stopped = TestApp::start().await;
    stopped.stop().await;
    let open = async || {
        let config = stopped.app.config.as_ref().clone();
        Box::pin(App::open(config, stopped.clock())).await.expect("it opens")
    };
    let (starting, other) = (open().await, open().await);
    starting.database.writer().execute_unprepared(REVOKE).await.expect("the table is there");
    starting.keyring.reload().await.expect("the database answers");
    assert!(starting.keyring.signer().is_err());

    other.admin.ensure_active_key().await.expect("the other server activates a key");
    starting.admin.ensure_active_key().await.expect("it reads the key");
    let [kid, expected] = [&starting, &other].map(|app| app.keyring.signer().expect("a key").kid.clone());
    assert_eq!(kid, expected);
    let published = starting.keyring.jwks();
    assert_eq!((published.keys.len(), &published), (1, &other.keyring.jwks()));
    starting.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_failed_sign_in_leaves_nothing_behind_and_the_server_is_not_ready() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let before =
        [count(&app, "users").await, count(&app, "sessions").await, count(&app, "audit_events").await];
    // The server hears of its first key after the start, and looks at its keys then. With the table away it makes none.
    let [away, back] = [("signing_keys", "away"), ("away", "signing_keys")];
    let rename = async |(from, to)| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        app.app.database.writer().execute_unprepared(&sql).await.expect("the table is there");
    };
    eventually(async || {
        app.app.database.writer().execute_unprepared(REVOKE).await.expect("the table is there");
        app.app.keyring.reload().await.expect("the database answers");
        rename(away).await;
        let is_without = app.app.keyring.signer().is_err();
        if !is_without {
            rename(back).await;
        }
        is_without
    })
    .await;

    app.anonymous().register("bob", PASSWORD).await.assert_failed("INTERNAL_SERVER_ERROR");
    app.anonymous().log_in("ada", PASSWORD).await.assert_failed("INTERNAL_SERVER_ERROR");
    ada.refresh_with(ada.kept()).await.assert_failed("INTERNAL_SERVER_ERROR");
    let after =
        [count(&app, "users").await, count(&app, "sessions").await, count(&app, "audit_events").await];
    assert_eq!(before, after, "accounts, sessions and events");
    eventually(async || app.request("GET", "/readyz", &[]).await.status == 503).await;
    assert_eq!(app.request("GET", "/readyz", &[]).await.body["keys"], "unavailable");

    rename(back).await;
    app.app.admin.tend_keys().await.expect("another key signs");
    eventually(async || app.request("GET", "/readyz", &[]).await.status == 200).await;
    app.wait(Duration::from_secs(11));
    ada.refresh().await.assert_done();
    app.signed_in("bob").await.me().await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_although_the_server_cannot_read_the_keys_at_first() {
    let process = Process::start(&QUICK).await;
    let ada = process.register(1).await.remove(0);
    let db = process.database().connect().await;
    let execute = async |sql| {
        db.execute_unprepared(sql).await.expect("the database answers");
    };
    execute("UPDATE signing_keys SET algorithm = 'damaged'").await;
    execute("INSERT INTO changes (kind, at, until) VALUES ('keys', 0, 4102444800000)").await;
    eventually(async || process.log().contains("cannot read the signing keys")).await;
    ada.me().await.assert_done();

    execute(REVOKE).await;
    eventually(async || ada.me().await.body.get("errors").is_some()).await;
    ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
}
