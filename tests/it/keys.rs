//! The life cycle of signing keys: published, active, retired, withdrawn, revoked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis::{
    audit::Actor,
    config::{Config, SigningAlgorithm},
    tokens::{Activation, KeyState},
};
use serde_json::Value;

use crate::support::{Client, TestApp, decode, eventually, spawn_all};

const CLI: Actor<'static> = Actor::Server;
const DAY: Duration = Duration::from_hours(24);

/// A server whose next key is published for as short a time as the configuration allows.
fn quickly(config: &mut Config) {
    config.tokens.key_publish_ahead = Duration::from_mins(5);
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

#[tokio::test(flavor = "multi_thread")]
async fn none_of_ten_thousand_requests_to_two_servers_is_refused_while_the_keys_rotate() {
    const REQUESTS: usize = 10_000;
    let app = TestApp::with(quickly).await;
    let other = app.replica().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let clients = spawn_all((0..4).map(|number| {
        let mut client = app.anonymous();
        async move {
            client.register(&format!("user{number}"), crate::support::PASSWORD).await.assert_done();
            client
        }
    }))
    .await;
    let first = signed_with(&clients[0]);
    let urls = [&app, &other].map(|server| server.url("/graphql"));
    let asking = clients.into_iter().map(|mut client| {
        let (asked, urls) = (Arc::clone(&asked), urls.clone());
        async move {
            while asked.fetch_add(1, Ordering::Relaxed) < REQUESTS {
                for url in &urls {
                    client = client.at(url.clone());
                    client.refresh().await.assert_done();
                    for url in urls.iter().cycle().take(8) {
                        asked.fetch_add(1, Ordering::Relaxed);
                        client.clone().at(url.clone()).me().await.assert_done();
                    }
                }
            }
            client
        }
    });
    let asking: tokio::task::JoinSet<_> = asking.collect();

    until_past(&asked, REQUESTS / 4).await;
    app.app.admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made");
    for server in [&app, &other] {
        eventually(async || published(server).await.len() == 2).await;
    }
    until_past(&asked, REQUESTS / 2).await;
    app.wait(Duration::from_mins(5));
    let clients = asking.join_all().await;
    for client in clients {
        assert_ne!(signed_with(&client), first, "the next key signs");
    }
}

/// Waits until a counter passes a number, however slow the machine is, as long as the counter grows.
async fn until_past(counter: &AtomicUsize, number: usize) {
    let mut count = counter.load(Ordering::Relaxed);
    while count <= number {
        eventually(async || counter.load(Ordering::Relaxed) > count).await;
        count = counter.load(Ordering::Relaxed);
    }
}

#[tokio::test]
async fn keys_rotate_by_schedule_and_are_published_before_and_after_their_turn() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let tend = async || {
        app.app.admin.rotate_keys_when_due().await.expect("the database answers");
        app.app.keyring.reload().await.expect("the keys open");
    };
    let first = signed_with(&ada);
    app.wait(88 * DAY);
    tend().await;
    assert_eq!(published(&app).await, [first.as_str()]);
    ada.log_in("ada", crate::support::PASSWORD).await.assert_done();

    app.wait(DAY);
    tend().await;
    tend().await;
    let keys = published(&app).await;
    assert_eq!((keys.len(), &keys[0]), (2, &first), "the next key is published once");
    ada.refresh().await.assert_done();
    assert_eq!(signed_with(&ada), first, "and does not sign yet");
    app.wait(Duration::from_mins(24 * 60 - 30));
    ada.refresh().await.assert_done();
    let late = ada.clone();

    app.wait(Duration::from_mins(30));
    ada.refresh().await.assert_done();
    assert_eq!(signed_with(&ada), keys[1]);
    assert_eq!(signed_with(&late), first);
    late.me().await.assert_done();
    tend().await;
    assert_eq!(published(&app).await, keys, "the old key is published for its tokens");

    app.wait(Duration::from_hours(25));
    tend().await;
    assert_eq!(published(&app).await, [keys[1].clone()]);
    late.me().await.assert_unauthenticated("TOKEN_EXPIRED");
    ada.refresh().await.assert_done();
    ada.me().await.assert_done();
}

#[tokio::test]
async fn keys_that_nobody_can_hold_a_token_of_are_forgotten() {
    let app = TestApp::with(quickly).await;
    app.app.admin.rotate_keys(None, Activation::Immediate, CLI).await.expect("the key is made");
    let count = async || app.app.keyring.list().await.expect("the database answers").len();
    app.wait(Duration::from_hours(25));
    app.app.keyring.sweep().await.expect("the database answers");
    let keys = app.app.keyring.list().await.expect("the database answers");
    assert!(matches!(keys[0].state, KeyState::Withdrawn { .. }), "{keys:?}");
    app.wait(8 * DAY);
    app.app.keyring.sweep().await.expect("the database answers");
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn a_schedule_of_zero_rotates_nothing() {
    let app = TestApp::with(|config| config.tokens.key_rotation = Duration::ZERO).await;
    app.wait(4000 * DAY);
    app.app.admin.rotate_keys_when_due().await.expect("the database answers");
    assert_eq!(app.app.keyring.list().await.expect("the database answers").len(), 1);
}

#[tokio::test]
async fn servers_that_find_a_rotation_due_at_the_same_time_make_one_key() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    app.wait(100 * DAY);
    let servers = [&app, &other, &app, &other];
    let rotations = servers.map(|server| {
        let admin = server.app.admin.clone();
        async move { admin.rotate_keys_when_due().await.expect("the other's key will do") }
    });
    Box::pin(spawn_all(rotations)).await;
    assert_eq!(app.app.keyring.list().await.expect("the database answers").len(), 2);
}

#[tokio::test]
async fn a_revoked_key_takes_all_its_tokens_with_it_on_every_server() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let mut ada = app.signed_in("ada").await;
    let root = app.admin().await;
    let there = ada.clone().at(other.url("/graphql"));
    there.me().await.assert_done();
    let stolen = signed_with(&ada);

    app.app.admin.revoke_key(&stolen, CLI).await.expect("the key is there");
    ada.me().await.assert_unauthenticated("TOKEN_REVOKED");
    eventually(async || there.me().await.body.get("errors").is_some()).await;
    there.me().await.assert_unauthenticated("TOKEN_REVOKED");
    for server in [&app, &other] {
        assert!(!published(server).await.contains(&stolen));
    }

    ada.refresh().await.assert_done();
    assert_ne!(signed_with(&ada), stolen);
    ada.me().await.assert_done();
    ada.at(other.url("/graphql")).me().await.assert_done();
    root.me().await.assert_unauthenticated("TOKEN_REVOKED");
    app.app.admin.revoke_key(&stolen, CLI).await.expect("it may be said twice");
}

#[tokio::test]
async fn where_the_active_key_is_revoked_the_one_that_waits_signs() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let next =
        app.app.admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made").kid;
    app.app.admin.revoke_key(&signed_with(&ada), CLI).await.expect("the key is there");
    ada.refresh().await.assert_done();
    assert_eq!(signed_with(&ada), next);
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_key_that_waits_is_hurried_dropped_or_revoked() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let admin = &app.app.admin;
    let first = signed_with(&ada);

    let dropped = admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made").kid;
    let twice =
        admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect_err("one waits already").to_string();
    assert!(twice.contains(&dropped) && twice.contains("is already pending"), "{twice}");
    admin.retire_key(&dropped, CLI).await.expect("the key is there");
    assert_eq!(published(&app).await, [first.as_str()]);
    let revoked = admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made").kid;
    admin.revoke_key(&revoked, CLI).await.expect("the key is there");
    app.wait(2 * DAY);
    ada.refresh().await.assert_done();
    assert_eq!(signed_with(&ada), first, "the active key signs on");

    let hurried = admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made").kid;
    let now = admin.rotate_keys(None, Activation::Immediate, CLI).await.expect("the key is there").kid;
    assert_eq!(now, hurried);
    app.wait(Duration::from_secs(5));
    ada.refresh().await.assert_done();
    assert_eq!(signed_with(&ada), hurried);
}

#[tokio::test]
async fn a_key_in_hurry_of_another_algorithm_replaces_the_one_that_waits() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let admin = &app.app.admin;
    let waiting = admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made").kid;
    let es256 = Some(SigningAlgorithm::Es256);
    let key = admin.rotate_keys(es256, Activation::Immediate, CLI).await.expect("the key is made");
    assert_eq!(key.algorithm, "ES256");
    assert!(!published(&app).await.contains(&waiting));
    let again = admin.rotate_keys(es256, Activation::Immediate, CLI).await.expect_err("it is about to sign");
    assert!(again.to_string().contains(&key.kid), "{again}");
    app.wait(Duration::from_secs(5));
    ada.refresh().await.assert_done();
    assert_eq!(signed_with(&ada), key.kid);
}

#[tokio::test]
async fn a_retired_key_hands_over_and_its_tokens_stay_good() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let before = ada.clone();
    let first = signed_with(&ada);
    let admin = &app.app.admin;
    admin.retire_key(&first, CLI).await.expect("the key is there");
    app.wait(Duration::from_secs(5));
    ada.refresh().await.assert_done();
    assert_ne!(signed_with(&ada), first);
    before.me().await.assert_done();
    let again = admin.retire_key(&first, CLI).await.expect_err("it is retired").to_string();
    assert_eq!(again, format!("the signing key {first} is already retired"));
    for refused in [admin.retire_key("nobody", CLI).await, admin.revoke_key("nobody", CLI).await] {
        assert_eq!(refused.expect_err("unknown").to_string(), "there is no signing key nobody");
    }
}

#[tokio::test]
async fn what_is_done_to_keys_is_written_down() {
    let app = TestApp::start().await;
    let mut root = app.admin().await;
    app.app.admin.rotate_keys(None, Activation::Scheduled, CLI).await.expect("the key is made");
    app.app.admin.revoke_key(&signed_with(&root), CLI).await.expect("the key is there");
    root.refresh().await.assert_done();
    let query = "{ auditEvents(first: 2) { nodes { action actor { id } ipAddress } } }";
    let events = root.ask(query).await;
    let event = |action| serde_json::json!({ "action": action, "actor": null, "ipAddress": null });
    let both = serde_json::json!([event("KEY_REVOKED"), event("KEYS_ROTATED")]);
    assert_eq!(events.assert_done().at("/auditEvents/nodes"), &both);
}
