//! The keys of an issuer: rotation, floods, an unreachable and a malicious issuer.

use std::time::Duration;

use axum::http::StatusCode;
use portcullis::{Authenticator, tokens::TokenError};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Instead, Issuer, authenticate, jwks, refusal};
use crate::support::eventually;

#[tokio::test]
async fn a_new_key_is_fetched_by_the_first_requests_that_need_it_and_only_once() {
    let issuer = Issuer::start().await;
    let authenticator = issuer.authenticator().await;
    issuer.rotate("second");
    let before = issuer.key_fetches();
    let mut requests = JoinSet::new();
    for number in 0..50 {
        let (authenticator, token) = (authenticator.clone(), issuer.token(&json!({ "number": number })));
        requests.spawn(async move { authenticate(&authenticator, &token).await.map(drop) });
    }
    for outcome in requests.join_all().await {
        assert_eq!(outcome, Ok(()));
    }
    assert!(issuer.key_fetches() - before <= 2, "{}", issuer.key_fetches() - before);
}

#[tokio::test]
async fn a_key_that_keeps_its_kid_is_replaced() {
    let issuer = Issuer::start().await;
    let authenticator = issuer.authenticator().await;
    let before = issuer.token(&json!({}));
    issuer.rotate("first");
    let after = issuer.token(&json!({}));
    issuer.clock.advance(Duration::from_mins(5));
    eventually(async || refusal(&authenticator, &after).await.is_none()).await;
    assert_eq!(refusal(&authenticator, &before).await, Some(TokenError::Invalid));
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_at_most_one_fetch_in_an_interval() {
    let issuer = Issuer::start().await;
    let builder = issuer.builder().refresh_at_most_every(Duration::from_mins(10));
    let authenticator = builder.build().await.expect("keys");
    let before = issuer.key_fetches();
    let mut requests = JoinSet::new();
    for number in 0..200 {
        let token = issuer.sign(&json!({ "kid": format!("random {number}") }), &issuer.claims(&json!({})));
        let authenticator = authenticator.clone();
        requests.spawn(async move { refusal(&authenticator, &token).await });
    }
    for outcome in requests.join_all().await {
        assert_eq!(outcome, Some(TokenError::Invalid));
    }
    assert!(issuer.key_fetches() - before <= 1, "{}", issuer.key_fetches() - before);
    assert_eq!(refusal(&authenticator, &issuer.token(&json!({}))).await, None);
}

#[tokio::test]
async fn keys_stay_usable_for_a_time_while_the_issuer_is_unreachable() {
    let issuer = Issuer::start().await;
    let builder = issuer.builder().stale_for(Duration::from_hours(2)).max_lifetime(Duration::from_hours(9));
    let authenticator = builder.build().await.expect("keys");
    let token = issuer.token(&json!({ "exp": issuer.now() + 9 * 3600 }));
    issuer.instead(Some(Instead::Status(StatusCode::BAD_GATEWAY)));
    assert_eq!(refusal(&authenticator, &token).await, None);
    issuer.clock.advance(Duration::from_mins(119));
    assert_eq!(refusal(&authenticator, &token).await, None);
    let unknown = issuer.sign(&json!({ "kid": "unknown" }), &issuer.claims(&json!({})));
    assert_eq!(refusal(&authenticator, &unknown).await, Some(TokenError::Unverifiable));
    issuer.clock.advance(Duration::from_mins(1));
    assert_eq!(refusal(&authenticator, &token).await, Some(TokenError::Unverifiable));
    issuer.instead(None);
    eventually(async || refusal(&authenticator, &token).await.is_none()).await;
}

#[tokio::test]
async fn a_service_starts_without_its_issuer_only_if_it_says_so() {
    let issuer = Issuer::start().await;
    issuer.instead(Some(Instead::Status(StatusCode::INTERNAL_SERVER_ERROR)));
    let error = issuer.builder().build().await.err().expect("no keys");
    assert_eq!(error.to_string(), "the keys of the issuer cannot be loaded");
    let authenticator = issuer.builder().build_lazily().expect("a configuration");
    let token = issuer.token(&json!({}));
    assert_eq!(refusal(&authenticator, &token).await, Some(TokenError::Unverifiable));
    issuer.instead(None);
    eventually(async || refusal(&authenticator, &token).await.is_none()).await;
}

#[tokio::test]
async fn the_metadata_must_be_that_of_the_issuer() {
    let issuer = Issuer::start().await;
    for metadata in [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": format!("{}/", issuer.url()) }),
        json!({ "jwks_uri": "http://id.example.com/keys" }),
        json!({ "jwks_uri": "file:///etc/passwd" }),
        json!({ "jwks_uri": null }),
    ] {
        issuer.publish(|published| published.metadata = metadata.clone());
        assert!(issuer.builder().build().await.is_err(), "{metadata}");
    }
    issuer.publish(|published| published.metadata = json!({}));
    // An issuer with a path that has only the metadata of RFC 8414.
    let tenant = issuer.builder().issuer(format!("{}/tenant", issuer.url())).build().await.expect("metadata");
    let token = issuer.token(&json!({ "iss": format!("{}/tenant", issuer.url()) }));
    assert_eq!(refusal(&tenant, &token).await, None);
}

#[tokio::test]
async fn a_malicious_issuer_neither_fills_the_memory_nor_redirects_to_another_origin() {
    let (issuer, victim) = (Issuer::start().await, Issuer::start().await);
    let too_large = [b"{\"keys\":[".as_slice(), &vec![b' '; 600 * 1024], b"]}"].concat();
    for instead in [
        Instead::Body(too_large),
        Instead::Redirect(format!("{}/keys", victim.url())),
        Instead::Redirect(format!("{}/keys", issuer.url())),
        Instead::Body(b"{\"keys\":[]}".to_vec()),
        Instead::Body(
            b"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"first\",\"k\":\"AA\",\"alg\":\"HS256\"}]}".to_vec(),
        ),
        Instead::Body(b"<html>".to_vec()),
        Instead::Silence,
    ] {
        issuer.instead(Some(instead));
        let builder = issuer.builder().jwks_url(format!("{}/keys", issuer.url()));
        assert!(builder.fetch_timeout(Duration::from_millis(200)).build().await.is_err());
    }
    assert_eq!(victim.key_fetches(), 0);
}

#[tokio::test]
async fn the_background_task_ends_with_the_last_authenticator() {
    let issuer = Issuer::start().await;
    let authenticator = issuer.authenticator().await;
    let clone = authenticator.clone();
    drop(authenticator);
    let before = issuer.key_fetches();
    issuer.clock.advance(Duration::from_mins(5));
    eventually(async || issuer.key_fetches() > before).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let with_task = tasks();
    drop(clone);
    eventually(async || tasks() < with_task).await;
}

#[tokio::test]
async fn keys_are_read_from_a_file_and_again_when_it_changes() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    let write = || {
        let keys = jwks(&issuer.published.lock().expect("no panic"));
        std::fs::write(&path, json!({ "keys": keys }).to_string()).expect("a file");
    };
    assert!(issuer.builder().jwks_file(&path).build().await.is_err());
    write();
    let authenticator = issuer.builder().jwks_file(&path).build().await.expect("a file");
    assert_eq!(refusal(&authenticator, &issuer.token(&json!({}))).await, None);
    issuer.rotate("second");
    write();
    assert_eq!(refusal(&authenticator, &issuer.token(&json!({}))).await, None);
    assert_eq!(issuer.key_fetches(), 0);
}

#[tokio::test]
async fn what_is_missing_or_insecure_is_refused_when_it_is_built() {
    let builder = Authenticator::builder;
    for (builder, message) in [
        (builder().audience("notes"), "name the issuer of the tokens"),
        (builder().issuer("https://id.example"), "name the audience of the tokens"),
        (builder().issuer("http://id.example").audience("notes"), "is not an https URL"),
        (builder().issuer("id").audience("notes").jwks_url("http://id.example/keys"), "is not an https URL"),
        (builder().issuer("id").audience("notes").jwks_url("file:///etc/passwd"), "is not an https URL"),
    ] {
        let error = builder.build_lazily().err().expect("an error").to_string();
        assert!(error.contains(message), "{error}");
    }
}
