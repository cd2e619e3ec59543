//! Each test searches all output for its secrets (`support/secrets.rs`). These tests prove that the search finds them.

use async_graphql::{EmptySubscription, MergedObject, Object, Schema};
use portcullis::{
    graphql::ApiError,
    router::router,
    schema::{IdentityMutation, IdentityQuery},
};
use serde_json::json;

use crate::support::{PASSWORD, Process, Secrets, TestApp, encodings_of};

/// A secret that nothing else has.
fn secret() -> String {
    format!("é {}/\"\\+\n{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4())
}

#[test]
fn a_secret_is_found_in_a_log_in_every_form() {
    let secrets = Secrets::watch();
    let secret = secret();
    secrets.add(&secret);
    tracing::trace!("nothing");
    assert_eq!(secrets.leaks(b"nothing"), Vec::<String>::new());
    for form in encodings_of(&secret) {
        assert_eq!(secrets.leaks(format!("before\n{form} and\nbehind").as_bytes()).len(), 1, "{form}");
    }
    tracing::trace!(header = ?secret, "a header");
    let leaks = secrets.leaks(b"");
    assert!(leaks.len() == 1 && leaks[0].contains("TRACE"), "{leaks:?}");
}

#[test]
fn of_a_json_web_token_the_signature_is_what_counts() {
    let secrets = Secrets::watch();
    secrets.add("header.claims.signature-1");
    assert!(secrets.leaks(b"header.claims.").is_empty());
    assert_eq!(secrets.leaks(b"signature-1").len(), 1);
}

#[test]
fn what_a_request_calls_a_password_is_one_unless_it_is_a_name_as_well() {
    let secrets = Secrets::watch();
    let input = json!({ "input": { "username": "grace", "newPassword": "first-secret", "email": "second-secret",
        "currentPassword": "second-secret", "refreshToken": ["third-secret"], "password": ["short", "password"] } });
    secrets.add_named(&input);
    for (text, leaks) in
        [("first-secret", 1), ("second-secret", 0), ("third-secret", 1), ("short", 0), ("password", 0)]
    {
        assert_eq!(secrets.leaks(text.as_bytes()).len(), leaks, "{text}");
    }
}

/// A resolver that tells what it was told.
#[derive(Default)]
struct Parrot;

#[Object]
impl Parrot {
    async fn refuse(&self, text: String) -> Result<bool, ApiError> {
        Err(ApiError::bad_user_input(text))
    }
}

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, Parrot);

#[tokio::test]
async fn a_secret_is_found_in_the_errors_of_an_answer() {
    let app = TestApp::start().await;
    let schema = Schema::build(Query::default(), IdentityMutation::default(), EmptySubscription);
    let client = app.also_serve(router(&app.app, app.app.provide(schema).finish())).await;
    let (secrets, secret) = (Secrets::watch(), secret());
    secrets.add(&secret);
    client.ask_with("query($text: String!) { refuse(text: $text) }", json!({ "text": secret })).await;
    assert_eq!(secrets.leaks(b"").len(), 1);
}

#[tokio::test]
async fn the_secrets_of_a_server_and_of_its_clients_are_known() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let master = std::fs::read_to_string(app.app.config.data_dir.join("secret")).expect("a file");
    let (token, refresh_token) = (ada.token.clone().expect("a token"), ada.kept().to_owned());
    ada.refresh().await.assert_done();
    for secret in [PASSWORD, master.trim(), &token, &refresh_token, ada.kept()] {
        assert_eq!(app.secrets.leaks(secret.as_bytes()).len(), 1, "{secret}");
    }
}

/// At the level at which HTTP/2 tells of each frame, and the database of each statement.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_tells_no_secret_at_its_most_talkative() {
    let process = Process::start(&[]).await;
    let mut ada = process.anonymous().over_http2();
    ada.register("ada", PASSWORD).await.assert_done();
    ada.refresh().await.assert_done();
    ada.me().await.assert_done();
    let cookie = format!("__Host-portcullis_refresh={}", ada.kept());
    let browser = ada.clone().header("cookie", &cookie);
    browser.ask("mutation { it: refresh { expiresIn errors { code } } }").await.assert_done();
    ada.log_in("ada", "not the password").await.assert_refused("INVALID_CREDENTIALS");
    ada.bearing("header.claims.signature-1").me().await.assert_unauthenticated("TOKEN_INVALID");
    let log = process.log();
    for told in ["TRACE", "h2::", "LOGIN_FAILED", "response sent"] {
        assert!(log.contains(told), "{told}: {log}");
    }
}
