//! Signing keys of every algorithm, generated or imported.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    },
};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode_header, encode, jwk::JwkSet,
};
use portcullis::{
    audit::Actor,
    config::SigningAlgorithm,
    http::Authenticator,
    tokens::{Activation, SigningKey},
};
use serde_json::{Value, json};

use crate::support::{Client, Forge, TestApp, base64url, decode, unsigned, write_pem};

const CLI: Actor<'static> = Actor::Server;
const SECRET: &str = "a secret that a resource server shares with us";

fn token(client: &Client) -> &str {
    client.token.as_deref().expect("the client has signed in")
}

async fn jwks(app: &TestApp) -> JwkSet {
    let answer = app.anonymous().get("/.well-known/jwks.json").await;
    serde_json::from_value(answer.body).expect("a key set")
}

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&["https://id.example.com"]);
    validation.set_audience(&["portcullis"]);
    validation
}

/// A file in the server's folder that its owner alone can read.
fn private_file(app: &TestApp, name: &str, text: &str) -> PathBuf {
    let path = app.app.config.data_dir.join(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
    path
}

async fn import(app: &TestApp, key: &SigningKey) {
    app.app.admin.import_key(key, Activation::Immediate, CLI).await.expect("the key is taken");
    app.wait(Duration::from_secs(5));
}

/// A server that signs with the shared secret, and somebody who is signed in.
async fn with_shared_secret() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let path = private_file(&app, "shared", &format!("{SECRET}\n"));
    import(&app, &SigningKey::from_secret_file(&path).expect("a secret")).await;
    let ada = app.signed_in("ada").await;
    (app, ada)
}

#[tokio::test]
async fn tokens_of_every_algorithm_verify_by_the_published_key_and_here() {
    for (made, algorithm) in [
        (SigningAlgorithm::EdDsa, Algorithm::EdDSA),
        (SigningAlgorithm::Es256, Algorithm::ES256),
        (SigningAlgorithm::Rs256, Algorithm::RS256),
    ] {
        let app = TestApp::with(|config| config.tokens.algorithm = made).await;
        let ada = app.signed_in("ada").await;
        ada.me().await.assert_done();
        let header = decode_header(token(&ada)).expect("a header");
        assert_eq!(header.alg, algorithm);
        let keys = jwks(&app).await;
        let key = keys.find(&header.kid.expect("a kid")).expect("it is published");
        let key = DecodingKey::from_jwk(key).expect("a key");
        let claims = jsonwebtoken::decode::<Value>(token(&ada), &key, &validation(algorithm));
        assert_eq!(claims.expect("the token verifies").claims["sub"], *ada.user_id);
        let discovery = app.anonymous().get("/.well-known/openid-configuration").await.body;
        let names = &discovery["id_token_signing_alg_values_supported"];
        assert_eq!(names, &json!([format!("{algorithm:?}")]));
    }
}

#[tokio::test]
async fn tokens_of_the_old_algorithm_and_the_new_are_good_side_by_side() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        let before = ada.clone();
        app.app
            .admin
            .rotate_keys(Some(algorithm), Activation::Immediate, CLI)
            .await
            .expect("the key is made");
        app.wait(Duration::from_secs(5));
        ada.refresh().await.assert_done();
        ada.me().await.assert_done();
        before.me().await.assert_done();
    }
    assert_eq!(jwks(&app).await.keys.len(), 4);
}

#[tokio::test]
async fn a_shared_secret_signs_and_is_never_published() {
    let (app, ada) = with_shared_secret().await;
    ada.me().await.assert_done();
    assert_eq!(decode_header(token(&ada)).expect("a header").alg, Algorithm::HS256);
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::decode::<Value>(token(&ada), &key, &validation(Algorithm::HS256)).expect("it verifies");
    let published = app.anonymous().get("/.well-known/jwks.json").await.body;
    let keys = published["keys"].as_array().expect("a key set");
    assert!(!keys.is_empty() && keys.iter().all(|key| key["kty"] == "OKP"), "{published}");
    for secret in [SECRET.to_owned(), base64url(SECRET.as_bytes())] {
        assert!(!published.to_string().contains(&secret));
    }
}

#[tokio::test]
async fn a_resource_server_that_knows_the_secret_alone_verifies_by_this_crate() {
    let (app, ada) = with_shared_secret().await;
    let authenticator = |secret: &str| {
        let builder = Authenticator::builder().issuer("https://id.example.com").audience("portcullis");
        builder.shared_secret(secret).clock(app.clock()).build_lazily().expect("a long secret")
    };
    let headers = [(axum::http::header::AUTHORIZATION, ada.authorization().parse().expect("text"))];
    let headers = headers.into_iter().collect();
    let user = authenticator(SECRET).authenticate(&headers).await.user().map(|user| user.to_string());
    assert_eq!(user, Some(ada.user_id.clone()));
    let other = authenticator("another secret that is long enough, too");
    assert!(other.authenticate(&headers).await.user().is_none());
}

#[tokio::test]
async fn a_shared_secret_is_not_rotated_by_schedule() {
    let (app, _) = with_shared_secret().await;
    let before = app.app.keyring.list().await.expect("the database answers").len();
    app.wait(Duration::from_hours(24 * 365));
    app.app.admin.rotate_keys_when_due().await.expect("the database answers");
    assert_eq!(app.app.keyring.list().await.expect("the database answers").len(), before);
}

#[tokio::test]
async fn no_key_verifies_what_another_algorithm_has_signed() {
    let app = TestApp::start().await;
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
        app.app
            .admin
            .rotate_keys(Some(algorithm), Activation::Immediate, CLI)
            .await
            .expect("the key is made");
        app.wait(Duration::from_secs(5));
    }
    let ada = app.signed_in("ada").await;
    ada.me().await.assert_done();
    let (_, claims) = decode(token(&ada));
    let keys = jwks(&app).await;
    assert_eq!(keys.keys.len(), 3);
    for key in &keys.keys {
        let kid = key.common.key_id.as_deref().expect("a kid");
        let public = serde_json::to_value(key).expect("JSON");
        let parts = ["x", "y", "n", "e"].iter().filter_map(|part| public[part].as_str().map(str::to_owned));
        for secret in parts.chain([public.to_string(), kid.to_owned(), String::new()]) {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header {
                    kid: Some(kid.to_owned()),
                    typ: Some("at+jwt".to_owned()),
                    ..Header::new(algorithm)
                };
                let key = EncodingKey::from_secret(secret.as_bytes());
                let forged = encode(&header, &claims, &key).expect("it is signed");
                app.anonymous().bearing(&forged).me().await.assert_unauthenticated("TOKEN_INVALID");
            }
        }
        let stranger = Forge::new();
        for alg in ["EdDSA", "ES256", "RS256", "PS256", "ES384"] {
            let header = json!({ "typ": "at+jwt", "alg": alg, "kid": kid });
            let forged = stranger.sign(&header, &claims);
            app.anonymous().bearing(&forged).me().await.assert_unauthenticated("TOKEN_INVALID");
            let [_, _, signature] = token(&ada).split('.').collect::<Vec<_>>()[..] else {
                panic!("three parts")
            };
            let moved = format!("{}.{signature}", unsigned(&header, &claims));
            let is_own = alg == "RS256" && decode(token(&ada)).0["kid"] == kid;
            if !is_own {
                app.anonymous().bearing(&moved).me().await.assert_unauthenticated("TOKEN_INVALID");
            }
        }
    }
}

fn ec(curve: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("randomness").as_ref().to_vec()
}

fn rsa() -> Vec<u8> {
    let der: Pkcs8V1Der<'_> =
        RsaKeyPair::generate(KeySize::Rsa2048).expect("randomness").as_der().expect("a key");
    der.as_ref().to_vec()
}

#[tokio::test]
async fn a_key_of_each_kind_is_brought_from_elsewhere() {
    for (der, algorithm) in
        [(Forge::new().pkcs8(), "EdDSA"), (ec(&ECDSA_P256_SHA256_FIXED_SIGNING), "ES256"), (rsa(), "RS256")]
    {
        let app = TestApp::start().await;
        let mut ada = app.signed_in("ada").await;
        let path = app.app.config.data_dir.join("brought.pem");
        write_pem(&path, &der, 0o600);
        let key = SigningKey::from_pem_file(&path).expect("a key");
        import(&app, &key).await;
        ada.refresh().await.assert_done();
        assert_eq!(decode(token(&ada)).0["kid"], *key.kid);
        assert_eq!(decode(token(&ada)).0["alg"], algorithm);
        ada.me().await.assert_done();
        let again =
            app.app.admin.import_key(&key, Activation::Immediate, CLI).await.expect_err("it is there");
        assert_eq!(again.to_string(), format!("the signing key {} already exists", key.kid));
        app.replica().await.anonymous().bearing(token(&ada)).me().await.assert_done();
    }
}

#[tokio::test]
async fn what_is_no_key_for_us_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    let path = app.app.config.data_dir.join("brought.pem");
    for der in [ec(&ECDSA_P384_SHA384_FIXED_SIGNING), b"no key at all".to_vec()] {
        write_pem(&path, &der, 0o600);
        let refusal = SigningKey::from_pem_file(&path).err().expect("it is refused").to_string();
        assert!(refusal.contains("brought.pem must contain a private key in PEM"), "{refusal}");
    }
    write_pem(&path, &rsa(), 0o644);
    let refusal = SigningKey::from_pem_file(&path).err().expect("it is refused").to_string();
    assert!(refusal.contains("is readable by others (mode 644)"), "{refusal}");
    let short = private_file(&app, "short", "a secret of thirty-one bytes...\n");
    let refusal = SigningKey::from_secret_file(&short).err().expect("it is refused").to_string();
    assert_eq!(refusal, "the secret has 31 bytes; HS256 needs at least 32 (RFC 7518 §3.2)");
}

#[tokio::test]
async fn where_a_file_has_the_key_those_of_the_database_are_left_alone() {
    let app = TestApp::with(|config| {
        let path = config.data_dir.join("key.pem");
        write_pem(&path, &rsa(), 0o600);
        config.tokens.signing_key_file = Some(path);
    })
    .await;
    let ada = app.signed_in("ada").await;
    ada.me().await.assert_done();
    assert_eq!(decode(token(&ada)).0["alg"], "RS256");
    let admin = &app.app.admin;
    let rotated = admin.rotate_keys(None, Activation::Immediate, CLI).await.map(|_| ());
    for refused in [rotated, admin.retire_key("any", CLI).await] {
        let why = refused.expect_err("a file has the key").to_string();
        assert!(why.starts_with("tokens.signing_key_file is set, so tokens are signed with"), "{why}");
    }
}
