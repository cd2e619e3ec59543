//! Access tokens and the keys that sign them, as another service sees them.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode_header, jwk::JwkSet};
use portcullis::{app::App, config::Config};
use serde_json::{Value, json};

use crate::support::{Client, Forge, OTHER_PASSWORD, TestApp, decode, keys, write_pem};

fn token(client: &Client) -> &str {
    client.token.as_deref().expect("the client has signed in")
}

async fn jwks(app: &TestApp) -> JwkSet {
    let answer = app.anonymous().get("/.well-known/jwks.json").await;
    serde_json::from_value(answer.body).expect("a key set")
}

/// A server that signs with a key of the test's own.
async fn signing_with(forge: &Forge) -> TestApp {
    TestApp::with(|config| sign_with(config, &forge.pkcs8(), 0o600)).await
}

fn sign_with(config: &mut Config, pkcs8: &[u8], mode: u32) {
    let path = config.data_dir.join("key.pem");
    write_pem(&path, pkcs8, mode);
    config.tokens.signing_key_file = Some(path);
}

#[tokio::test]
async fn an_access_token_says_what_rfc_9068_asks_for_and_who_it_is() {
    let app = TestApp::start().await;
    let before = app.clock().now().timestamp();
    let root = app.admin().await;
    let (header, claims) = decode(token(&root));
    let kid = jwks(&app).await.keys[0].common.key_id.clone();
    assert_eq!(header, json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid }));

    let iat = claims["iat"].as_i64().expect("seconds");
    assert!((before..=app.clock().now().timestamp()).contains(&iat));
    let jti: uuid::Uuid = claims["jti"].as_str().expect("text").parse().expect("a UUID");
    assert_eq!(jti.get_version_num(), 7);
    let expected = json!({
        "iss": "https://id.example.com",
        "aud": "portcullis",
        "sub": root.user_id,
        "sid": root.session_id,
        "jti": claims["jti"],
        "iat": iat,
        "exp": iat + 3600,
        "auth_time": iat,
        "acr": "aal1",
        "amr": ["pwd"],
        "scope": "audit:read sessions:read sessions:write users:read users:write",
        "roles": ["admin"],
        "username": "root",
        "token_version": claims["token_version"],
        "status": claims["status"],
    });
    assert_eq!(claims, expected);
    assert_eq!(keys(&claims["status"]["status_list"]), ["idx", "uri"]);
}

#[tokio::test]
async fn a_refreshed_token_tells_when_the_person_signed_in() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let (_, first) = decode(token(&ada));
    app.wait(Duration::from_mins(10));
    ada.refresh().await.assert_done();
    let (_, second) = decode(token(&ada));
    assert_eq!(second["auth_time"], first["auth_time"]);
    assert_ne!(second["jti"], first["jti"]);
    assert!(second["iat"].as_i64() >= first["iat"].as_i64().map(|iat| iat + 600));
}

#[tokio::test]
async fn another_service_verifies_a_token_by_the_published_keys() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let keys = jwks(&app).await;
    let kid = decode_header(token(&ada)).expect("a header").kid.expect("a kid");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("the key is published")).expect("a key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["https://id.example.com"]);
    validation.set_audience(&["portcullis"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims: Value =
        jsonwebtoken::decode(token(&ada), &key, &validation).expect("the token verifies").claims;
    assert_eq!(claims["sub"], *ada.user_id);
    validation.set_audience(&["another"]);
    jsonwebtoken::decode::<Value>(token(&ada), &key, &validation).expect_err("it is not for that one");
}

#[tokio::test]
async fn the_published_keys_are_public_and_may_be_kept_for_a_while() {
    let app = TestApp::start().await;
    let answer = app.anonymous().get("/.well-known/jwks.json").await;
    assert_eq!(
        (answer.status, &answer.headers["cache-control"]),
        (200, &"public, max-age=300".parse().expect("a header"))
    );
    let mut members: Vec<_> = answer.body["keys"][0].as_object().expect("a key").keys().collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
}

#[tokio::test]
async fn discovery_names_the_issuer_and_the_keys() {
    let app = TestApp::start().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let answer = app.anonymous().get(path).await;
        assert_eq!(answer.body["issuer"], "https://id.example.com");
        assert_eq!(answer.body["jwks_uri"], "https://id.example.com/.well-known/jwks.json");
    }
}

#[tokio::test]
async fn custom_claims_are_in_every_token() {
    let app = TestApp::with(|config| {
        config.tokens.custom_claims = [("tenant".to_owned(), json!({ "id": 7 }))].into();
    })
    .await;
    let mut ada = app.signed_in("ada").await;
    assert_eq!(decode(token(&ada)).1["tenant"], json!({ "id": 7 }));
    ada.refresh().await.assert_done();
    assert_eq!(decode(token(&ada)).1["tenant"], json!({ "id": 7 }));
    ada.me().await.assert_done();
}

#[tokio::test]
async fn a_key_from_a_file_signs_and_is_published() {
    let forge = Forge::new();
    let app = signing_with(&forge).await;
    let ada = app.signed_in("ada").await;
    ada.me().await.assert_done();
    let keys = jwks(&app).await;
    assert_eq!(keys.keys.len(), 1);
    let (header, _) = decode(token(&ada));
    let key = keys.find(header["kid"].as_str().expect("a kid")).expect("the key is published");
    let key = serde_json::to_value(key).expect("JSON");
    assert_eq!(key["x"], crate::support::base64url(forge.public_key()));
}

#[tokio::test]
async fn a_key_that_others_can_read_stops_the_start() {
    let refusal = TestApp::refused(|config| sign_with(config, &Forge::new().pkcs8(), 0o644)).await;
    assert!(refusal.contains("tokens.signing_key_file"), "{refusal}");
    assert!(refusal.contains("key.pem is readable by others (mode 644)"), "{refusal}");
}

#[tokio::test]
async fn a_key_of_another_kind_stops_the_start() {
    let refusal = TestApp::refused(|config| sign_with(config, b"no key at all", 0o600)).await;
    assert!(refusal.contains("key.pem must contain a private key in PEM"), "{refusal}");
}

#[tokio::test]
async fn a_key_that_is_not_there_stops_the_start() {
    let refusal = TestApp::refused(|config| {
        config.tokens.signing_key_file = Some(config.data_dir.join("nowhere.pem"));
    })
    .await;
    assert!(refusal.contains("tokens.signing_key_file") && refusal.contains("nowhere.pem"), "{refusal}");
}

#[tokio::test]
async fn another_master_secret_than_the_one_of_the_database_stops_the_start() {
    let app = TestApp::with(|config| config.secret = Some(OTHER_PASSWORD.repeat(2).into())).await;
    app.stop().await;
    let mut config = Config::clone(&app.app.config);
    config.secret = Some("0123456789abcdef".repeat(3).into());
    let refusal =
        Box::pin(App::open(config, app.clock())).await.err().expect("the server does not start").to_string();
    assert!(refusal.contains("another master secret"), "{refusal}");
    assert!(
        refusal.contains("configure the master secret with which this database was created"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_short_master_secret_stops_the_start() {
    let refusal = TestApp::refused(|config| {
        let path = config.data_dir.join("short");
        std::fs::write(&path, "short").expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
        config.secret_file = Some(path);
    })
    .await;
    assert_eq!(refusal, "the master secret has 5 bytes; it needs at least 32");
}
