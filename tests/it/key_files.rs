//! A key file that replaces the keys of the database, and the way back.

use std::time::Duration;

use portcullis::{audit::Actor, config::Config, tokens::KeyState};
use serde_json::Value;

use crate::support::{Client, Forge, PASSWORD, TestApp, decode, eventually, write_pem};

const CLI: Actor<'static> = Actor::Server;

/// Longer than a token of any server lives.
const LONG: Duration = Duration::from_hours(25);

/// Lets a key from a file sign.
fn from_file(config: &mut Config) {
    let path = config.data_dir.join("key.pem");
    if !path.exists() {
        write_pem(&path, &Forge::new().pkcs8(), 0o600);
    }
    config.tokens.signing_key_file = Some(path);
}

/// Lets the database's keys sign.
fn from_database(config: &mut Config) {
    config.tokens.signing_key_file = None;
}

fn signed_with(client: &Client) -> String {
    let (header, _) = decode(client.token.as_deref().expect("the client has signed in"));
    header["kid"].as_str().expect("a kid").to_owned()
}

async fn published(app: &TestApp) -> Vec<String> {
    let keys = app.anonymous().get("/.well-known/jwks.json").await.body;
    let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
    keys["keys"].as_array().expect("a key set").iter().map(kid).collect()
}

/// Does what the background tasks do every minute.
async fn tend(servers: &[&TestApp]) {
    for server in servers {
        server.app.keyring.reload().await.expect("the keys open");
        server.app.admin.tend_keys().await.expect("a key signs");
        server.app.admin.retire_unused_keys().await.expect("the database answers");
        server.app.keyring.sweep().await.expect("the database answers");
    }
}

async fn states(app: &TestApp) -> Vec<KeyState> {
    let keys = app.app.keyring.list().await.expect("the database answers");
    keys.into_iter().map(|key| key.state).collect()
}

#[tokio::test]
async fn the_keys_of_the_database_expire_after_a_file_has_taken_over() {
    let before = TestApp::start().await;
    let mut ada = before.signed_in("ada").await;
    let old = signed_with(&ada);
    before.stop().await;
    let app = before.replica_with(from_file).await;
    let at_app = ada.clone().at(app.url("/graphql"));
    at_app.me().await.assert_done();

    tend(&[&app]).await;
    app.wait(Duration::from_mins(20));
    tend(&[&app]).await;
    assert!(matches!(states(&app).await[..], [KeyState::Retired { .. }]), "{:?}", states(&app).await);
    at_app.me().await.assert_done();
    assert!(published(&app).await.contains(&old), "its tokens have not expired");

    app.wait(LONG);
    tend(&[&app]).await;
    assert!(matches!(states(&app).await[..], [KeyState::Withdrawn { .. }]), "{:?}", states(&app).await);
    assert!(!published(&app).await.contains(&old));
    at_app.me().await.assert_unauthenticated("TOKEN_EXPIRED");
    app.wait(Duration::from_hours(8 * 24));
    tend(&[&app]).await;
    assert!(states(&app).await.is_empty(), "the key is forgotten");
    ada = ada.at(app.url("/graphql"));
    ada.log_in("ada", PASSWORD).await.assert_done();
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_key_of_the_database_is_revoked_where_a_file_signs() {
    let before = TestApp::start().await;
    let mut ada = before.signed_in("ada").await;
    let app = before.replica_with(from_file).await;
    let at_app = ada.clone().at(app.url("/graphql"));
    at_app.me().await.assert_done();
    app.app.admin.revoke_key(&signed_with(&ada), CLI).await.expect("the key is there");
    at_app.me().await.assert_unauthenticated("TOKEN_REVOKED");
    assert_eq!(published(&app).await.len(), 1);

    // A server that has not switched yet makes another key for itself.
    eventually(async || ada.me().await.body.get("errors").is_some()).await;
    eventually(async || ada.refresh().await.status == 200 && ada.me().await.body.get("errors").is_none())
        .await;
    assert_eq!(app.app.admin.rewrap_keys().await.expect("the keys open"), (0, 0));
}

#[tokio::test]
async fn a_key_of_the_database_is_trusted_for_as_long_as_any_server_signs_with_it() {
    let old = TestApp::start().await;
    let new = old.replica_with(from_file).await;
    let mut ada = old.signed_in("ada").await;
    let kid = signed_with(&ada);
    for _ in 0..4 {
        new.wait(Duration::from_hours(12));
        tend(&[&old, &new]).await;
        ada.refresh().await.assert_done();
        assert_eq!(signed_with(&ada), kid);
        ada.clone().at(new.url("/graphql")).me().await.assert_done();
    }
}

#[tokio::test]
async fn the_database_signs_again_after_the_file_is_taken_away() {
    let before = TestApp::start().await;
    let mut ada = before.signed_in("ada").await;
    let first = signed_with(&ada);
    before.stop().await;
    let file = before.replica_with(from_file).await;
    tend(&[&file]).await;
    file.wait(LONG);
    tend(&[&file]).await;
    file.stop().await;

    let after = file.replica_with(from_database).await;
    ada = ada.at(after.url("/graphql"));
    ada.log_in("ada", PASSWORD).await.assert_done();
    ada.me().await.assert_done();
    assert_ne!(signed_with(&ada), first, "a key that was retired does not come back");
}

#[tokio::test]
async fn a_key_that_was_imported_before_it_came_from_a_file_is_trusted_by_every_server_meanwhile() {
    let old = TestApp::start().await;
    let mut ada = old.signed_in("ada").await;
    let mut config = Config::clone(&old.app.config);
    from_file(&mut config);
    let path = config.tokens.signing_key_file.expect("a file");
    let key = portcullis::tokens::SigningKey::from_pem_file(&path).expect("a key");
    old.app.admin.import_key(&key, portcullis::tokens::Activation::Immediate, CLI).await.expect("it is new");
    old.wait(Duration::from_secs(5));
    let new = old.replica_with(from_file).await;
    for [here, there] in [[&old, &new], [&new, &old]] {
        ada = ada.at(here.url("/graphql"));
        ada.refresh().await.assert_done();
        assert_eq!(signed_with(&ada), key.kid);
        ada.clone().at(there.url("/graphql")).me().await.assert_done();
    }
    assert_eq!(published(&new).await.iter().filter(|kid| **kid == key.kid).count(), 1);

    new.app.admin.revoke_key(&key.kid, CLI).await.expect("the database knows it");
    ada.clone().at(new.url("/graphql")).me().await.assert_unauthenticated("TOKEN_REVOKED");
    eventually(async || new.request("GET", "/readyz", &[]).await.body["keys"] == "unavailable").await;
    let config = Config::clone(&new.app.config);
    let refused =
        Box::pin(portcullis::app::App::open(config, new.clock())).await.err().expect("it is revoked");
    assert!(refused.to_string().contains("was revoked; replace the file with another key"), "{refused}");
}
