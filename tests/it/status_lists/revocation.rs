//! Status lists agree with the server's own list of revoked tokens.

use std::time::{Duration, Instant};

use portcullis::audit::Actor;
use portcullis::tokens::Activation;
use serde_json::{Value, json};

use super::{assert_agreement, catch_up, is_revoked, place, revoked_places};
use crate::support::{Client, OTHER_PASSWORD, PASSWORD, TestApp, eventually};

async fn update(root: &Client, user: &Client, mut change: Value) {
    change["id"] = json!(user.user_id);
    root.mutate("updateUser", change, "errors { code }").await.assert_done();
}

async fn sign_out(client: &Client) {
    client.ask("mutation { it: logout { errors { code } } }").await.assert_done();
}

/// Ada on two devices, Grace, and an administrator.
async fn people(app: &TestApp) -> (Client, Client, Client, Client) {
    let (root, ada, grace) = (app.admin().await, app.signed_in("ada").await, app.signed_in("grace").await);
    let mut phone = app.anonymous();
    phone.log_in("ada", PASSWORD).await.assert_done();
    (root, ada, phone, grace)
}

#[tokio::test]
async fn a_signed_out_token_is_revoked_and_no_other() {
    let app = TestApp::start().await;
    let (root, ada, phone, grace) = people(&app).await;
    assert_agreement(&app, &[&root, &ada, &phone, &grace]).await;
    sign_out(&ada).await;
    assert!(is_revoked(&app, &place(&ada)).await);
    assert_agreement(&app, &[&root, &ada, &phone, &grace]).await;
}

#[tokio::test]
async fn sessions_that_were_revoked_are_in_the_list() {
    let app = TestApp::start().await;
    let (root, ada, phone, grace) = people(&app).await;
    let input = json!({ "id": ada.session_id });
    phone.mutate("revokeSession", input, "errors { code }").await.assert_done();
    assert!(is_revoked(&app, &place(&ada)).await && !is_revoked(&app, &place(&phone)).await);
    root.mutate("revokeUserSessions", json!({ "userId": grace.user_id }), "errors { code }")
        .await
        .assert_done();
    assert!(is_revoked(&app, &place(&grace)).await);
    assert_agreement(&app, &[&root, &ada, &phone, &grace]).await;
}

#[tokio::test]
async fn a_reused_refresh_token_revokes_the_access_tokens() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let stolen = ada.kept().to_owned();
    ada.refresh().await.assert_done();
    app.wait(Duration::from_mins(1));
    ada.refresh_with(&stolen).await;
    assert!(is_revoked(&app, &place(&ada)).await);
    assert_agreement(&app, &[&ada]).await;
}

#[tokio::test]
async fn a_disabled_account_is_revoked_on_all_devices() {
    let app = TestApp::start().await;
    let (root, mut ada, phone, grace) = people(&app).await;
    update(&root, &ada, json!({ "disabled": true })).await;
    assert_agreement(&app, &[&root, &ada, &phone, &grace]).await;
    assert_eq!(revoked_places(&app).await.len(), 2);
    let disabled = ada.clone();
    update(&root, &ada, json!({ "disabled": false })).await;
    ada.log_in("ada", PASSWORD).await.assert_done();
    assert_agreement(&app, &[&root, &disabled, &ada, &phone, &grace]).await;
}

#[tokio::test]
async fn a_deleted_account_is_revoked_although_its_sessions_are_gone() {
    let app = TestApp::start().await;
    let (root, ada, phone, grace) = people(&app).await;
    root.mutate("deleteUser", json!({ "id": ada.user_id }), "errors { code }").await.assert_done();
    let input = json!({ "password": PASSWORD });
    grace.mutate("deleteAccount", input, "errors { code }").await.assert_done();
    assert_agreement(&app, &[&root, &ada, &phone, &grace]).await;
    assert_eq!(revoked_places(&app).await.len(), 3);
    let later = app.replica().await;
    assert_eq!(revoked_places(&later).await.len(), 3, "a server that starts later knows it");
}

#[tokio::test]
async fn a_new_password_revokes_all_tokens_but_the_new_one() {
    let app = TestApp::start().await;
    let (root, mut ada, phone, grace) = people(&app).await;
    let before = ada.clone();
    let input = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", input, "accessToken refreshToken errors { code }").await;
    changed.assert_done();
    ada.token = changed.at("/it/accessToken").as_str().map(ToOwned::to_owned);
    ada.refresh_token = changed.at("/it/refreshToken").as_str().map(ToOwned::to_owned);
    assert_agreement(&app, &[&root, &before, &ada, &phone, &grace]).await;
    assert!(!is_revoked(&app, &place(&ada)).await && is_revoked(&app, &place(&before)).await);
    let index = place(&ada);
    ada.refresh().await.assert_done();
    assert_eq!(place(&ada), index);
}

#[tokio::test]
async fn other_roles_revoke_the_token_that_states_the_former_ones_and_not_the_next_one() {
    let app = TestApp::start().await;
    let (root, mut ada, mut phone, grace) = people(&app).await;
    let before = [ada.clone(), phone.clone()];
    for roles in [json!(["admin"]), json!(["user"])] {
        update(&root, &ada, json!({ "roles": roles })).await;
    }
    assert_agreement(&app, &[&root, &ada, &phone, &grace]).await;
    ada.refresh().await.assert_done();
    phone.refresh().await.assert_done();
    assert_ne!(place(&ada), place(&before[0]));
    assert_agreement(&app, &[&root, &before[0], &before[1], &ada, &phone, &grace]).await;
    let index = place(&ada);
    ada.refresh().await.assert_done();
    assert_eq!(place(&ada), index, "the session keeps the new one");
}

#[tokio::test]
async fn a_profile_change_revokes_nothing() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let index = place(&ada);
    ada.mutate("updateProfile", json!({ "displayName": "Ada" }), "errors { code }").await.assert_done();
    assert_agreement(&app, &[&ada]).await;
    ada.refresh().await.assert_done();
    assert_eq!(place(&ada), index);
}

#[tokio::test]
async fn a_sign_out_on_one_server_is_in_the_list_of_the_other() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let (ada, grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    assert!(!is_revoked(&other, &place(&ada)).await);
    let began = Instant::now();
    sign_out(&ada).await;
    eventually(async || is_revoked(&other, &place(&ada)).await).await;
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "well within the ttl of a minute: {:?}",
        began.elapsed()
    );
    assert!(!is_revoked(&other, &place(&grace)).await);
    catch_up(&other).await;
    catch_up(&app).await;
    assert_eq!(revoked_places(&other).await, revoked_places(&app).await);
}

#[tokio::test]
async fn a_revocation_is_in_the_list_until_the_longest_token_has_expired() {
    let app = TestApp::with(|config| config.tokens.access_ttl = Duration::from_hours(24)).await;
    let ada = app.signed_in("ada").await;
    app.wait(Duration::from_secs(1));
    sign_out(&ada).await;
    for _ in 0..11 {
        app.wait(Duration::from_hours(2));
        assert!(is_revoked(&app, &place(&ada)).await);
    }
    app.wait(Duration::from_hours(2) - Duration::from_secs(2));
    assert!(is_revoked(&app, &place(&ada)).await, "its token has a second left");
    app.wait(Duration::from_hours(1));
    assert_eq!(revoked_places(&app).await, [], "nothing that only expired is in the list");
}

#[tokio::test]
async fn a_revoked_key_signs_no_list() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let list = super::fetch(&app, &place(&ada).uri).await;
    let kid = crate::support::decode(list.body.as_str().expect("a JWT")).0["kid"]
        .as_str()
        .expect("a kid")
        .to_owned();
    app.app.admin.revoke_key(&kid, Actor::Server).await.expect("it is revoked");
    app.app.keyring.reload().await.expect("the keys");
    let again = super::fetch(&app, &place(&ada).uri).await;
    // It verifies with the keys that are published now.
    super::verified(&app, &again).await;
    assert_ne!(crate::support::decode(again.body.as_str().expect("a JWT")).0["kid"], kid.as_str());
    app.app.admin.rotate_keys(None, Activation::Immediate, Actor::Server).await.expect("another key");
}
