//! A change of the master secret while users are signed in.

use std::time::Duration;

use portcullis::{app::App, config::Config};
use secrecy::SecretString;

use crate::support::{Client, TestApp};

const OLD: &str = "the old master secret, 32 bytes at least";
const NEW: &str = "the new master secret, 32 bytes at least";

fn secrets(current: &str, other: Option<&str>) -> impl FnOnce(&mut Config) {
    let (current, other) = (SecretString::from(current), other.map(SecretString::from));
    |config| {
        config.secret = Some(current);
        config.secondary_secret = other;
    }
}

/// Refreshes here and there in turn, and repeats each refresh at the other server as after a lost answer.
async fn refresh_at_both(client: &mut Client, servers: [&TestApp; 2]) {
    for (here, there) in [(servers[0], servers[1]), (servers[1], servers[0])] {
        let before = client.clone().at(there.url("/graphql"));
        *client = client.clone().at(here.url("/graphql"));
        client.refresh().await.assert_done();
        client.me().await.assert_done();
        let mut again = before.clone();
        again.refresh().await.assert_done();
        again.me().await.assert_done();
        *client = again;
    }
}

#[tokio::test]
async fn the_master_secret_changes_and_nobody_is_signed_out() {
    let app = TestApp::with(secrets(OLD, None)).await;
    let mut ada = app.signed_in("ada").await;
    let knows_new = app.replica_with(secrets(OLD, Some(NEW))).await;
    refresh_at_both(&mut ada, [&app, &knows_new]).await;
    let uses_new = app.replica_with(secrets(NEW, Some(OLD))).await;
    refresh_at_both(&mut ada, [&knows_new, &uses_new]).await;

    let mut too_early = Config::clone(&uses_new.app.config);
    too_early.secondary_secret = None;
    let refused =
        Box::pin(App::open(too_early, app.clock())).await.err().expect("a key is sealed under the old");
    assert!(refused.to_string().contains("another master secret"), "{refused}");
    assert_eq!(uses_new.app.admin.rewrap_keys().await.expect("the keys open"), (1, 0));
    assert_eq!(uses_new.app.admin.rewrap_keys().await.expect("the keys open"), (0, 0));
    refresh_at_both(&mut ada, [&knows_new, &uses_new]).await;

    ada = ada.at(uses_new.url("/graphql"));
    ada.refresh().await.assert_done();
    let knows_only_new = app.replica_with(secrets(NEW, None)).await;
    refresh_at_both(&mut ada, [&uses_new, &knows_only_new]).await;
    app.wait(Duration::from_secs(11));
    ada.refresh().await.assert_done();
}

#[tokio::test]
async fn a_refresh_token_under_a_secret_that_is_forgotten_is_none() {
    let app = TestApp::with(secrets(OLD, Some(NEW))).await;
    let mut ada = app.signed_in("ada").await;
    let uses_new = app.replica_with(secrets(NEW, Some(OLD))).await;
    uses_new.app.admin.rewrap_keys().await.expect("the keys open");
    let knows_only_new = app.replica_with(secrets(NEW, None)).await;
    ada = ada.at(knows_only_new.url("/graphql"));
    ada.refresh().await.assert_refused("INVALID_REFRESH_TOKEN");
    ada.at(app.url("/graphql")).refresh().await.assert_done();
}
