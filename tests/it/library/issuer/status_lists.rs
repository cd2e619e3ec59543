//! Status lists: revoked tokens, unavailable and forged lists.

use std::time::Duration;

use axum::http::StatusCode;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, write::ZlibEncoder};
use portcullis::{
    Authenticator,
    tokens::{TokenError, WhenUnavailable},
};
use serde_json::{Value, json};

use super::{Instead, Issuer, TTL, refusal};
use crate::support::{Forge, eventually};

/// An issuer that publishes a list in which the token with the index 3 is invalid, and a service that checks it.
async fn with_list() -> (Issuer, Authenticator) {
    let issuer = Issuer::start().await;
    issuer.publish_list(issuer.list(&[3], &json!({}), &json!({})));
    let authenticator = issuer.builder().check_status(true).build().await.expect("keys");
    (issuer, authenticator)
}

#[tokio::test]
async fn a_token_that_its_status_list_names_as_invalid_is_revoked() {
    let (issuer, authenticator) = with_list().await;
    assert_eq!(refusal(&authenticator, &issuer.token_with_status(2)).await, None);
    assert_eq!(refusal(&authenticator, &issuer.token_with_status(3)).await, Some(TokenError::Revoked));
    assert_eq!(refusal(&authenticator, &issuer.token_with_status(16)).await, Some(TokenError::Invalid));
    assert_eq!(refusal(&authenticator, &issuer.token(&json!({}))).await, None);
    assert_eq!(issuer.list_fetches(), 1);
    let unchecked = issuer.authenticator().await;
    assert_eq!(refusal(&unchecked, &issuer.token_with_status(3)).await, None);
}

#[tokio::test]
async fn a_list_is_fetched_again_before_its_ttl_has_passed() {
    let (issuer, authenticator) = with_list().await;
    let token = issuer.token_with_status(2);
    let caller = authenticator.authenticate_header(&format!("Bearer {token}")).await.expect("a valid token");
    let check = authenticator.token_check(&caller).expect("a token");
    issuer.publish_list(issuer.list(&[2, 3], &json!({}), &json!({})));
    assert_eq!(check.check(), Ok(()));
    issuer.clock.advance(TTL * 9 / 10);
    // No request asks for it.
    eventually(async || check.check() == Err(TokenError::Revoked)).await;
    assert_eq!(refusal(&authenticator, &token).await, Some(TokenError::Revoked));
}

#[tokio::test]
async fn a_request_after_the_ttl_waits_for_the_new_list() {
    let (issuer, authenticator) = with_list().await;
    let token = issuer.token_with_status(2);
    assert_eq!(refusal(&authenticator, &token).await, None);
    issuer.publish_list(issuer.list(&[2], &json!({}), &json!({})));
    issuer.clock.advance(TTL);
    assert_eq!(refusal(&authenticator, &token).await, Some(TokenError::Revoked));
}

#[tokio::test]
async fn a_token_whose_list_is_unavailable_is_refused_or_accepted_by_the_policy() {
    let (issuer, strict) = with_list().await;
    let builder = issuer.builder().check_status(true).when_status_unavailable(WhenUnavailable::Accept);
    let lenient = builder.build().await.expect("keys");
    let (valid, revoked) = (issuer.token_with_status(2), issuer.token_with_status(3));
    for authenticator in [&strict, &lenient] {
        assert_eq!(refusal(authenticator, &valid).await, None);
        assert_eq!(refusal(authenticator, &revoked).await, Some(TokenError::Revoked));
    }
    issuer.publish(|published| published.list = None);
    issuer.clock.advance(TTL);
    assert_eq!(refusal(&strict, &valid).await, Some(TokenError::Unverifiable));
    assert_eq!(refusal(&lenient, &valid).await, None);
    // The key set is still there, and a list that is back is used again.
    issuer.publish_list(issuer.list(&[2], &json!({}), &json!({})));
    for authenticator in [&strict, &lenient] {
        eventually(async || refusal(authenticator, &valid).await == Some(TokenError::Revoked)).await;
    }
}

#[tokio::test]
async fn a_list_is_used_until_it_expires_while_the_issuer_is_unreachable() {
    let (issuer, _) = with_list().await;
    issuer.publish_list(issuer.list(&[3], &json!({}), &json!({ "exp": issuer.now() + 600 })));
    let authenticator = issuer.builder().check_status(true).build().await.expect("keys");
    let (valid, revoked) = (issuer.token_with_status(2), issuer.token_with_status(3));
    assert_eq!(refusal(&authenticator, &valid).await, None);
    issuer.instead(Some(Instead::Status(StatusCode::BAD_GATEWAY)));
    issuer.clock.advance(Duration::from_secs(500));
    assert_eq!(refusal(&authenticator, &valid).await, None);
    assert_eq!(refusal(&authenticator, &revoked).await, Some(TokenError::Revoked));
    issuer.clock.advance(Duration::from_secs(100));
    assert_eq!(refusal(&authenticator, &valid).await, Some(TokenError::Unverifiable));
}

/// A list that decompresses to this number of zeros.
fn bomb(bytes: usize) -> Value {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes as u64), &mut encoder).expect("memory");
    json!({ "bits": 1, "lst": BASE64_URL_SAFE_NO_PAD.encode(encoder.finish().expect("memory")) })
}

#[tokio::test]
async fn a_list_that_is_not_the_issuers_own_is_not_used() {
    let (issuer, _) = with_list().await;
    let other = Issuer::start().await;
    other.publish(|published| published.kid = "first".to_owned());
    let later = issuer.now() + 600;
    for list in [
        issuer.list(&[], &json!({ "typ": "JWT" }), &json!({})),
        issuer.list(&[], &json!({ "typ": "at+jwt" }), &json!({})),
        issuer.list(&[], &json!({ "alg": "none" }), &json!({})),
        issuer.list(&[], &json!({ "kid": "unknown" }), &json!({})),
        issuer.list(&[], &json!({ "jku": "https://evil.example" }), &json!({})),
        issuer.list(&[], &json!({}), &json!({ "sub": format!("{}/lists/2", issuer.url()) })),
        issuer.list(&[], &json!({}), &json!({ "iss": "https://evil.example" })),
        issuer.list(&[], &json!({}), &json!({ "iat": later })),
        issuer.list(&[], &json!({}), &json!({ "exp": issuer.now() })),
        issuer.list(&[], &json!({}), &json!({ "status_list": { "bits": 3, "lst": "AA" } })),
        issuer.list(&[], &json!({}), &json!({ "status_list": bomb(1 << 26) })),
        other.list(&[], &json!({}), &json!({ "sub": issuer.list_url() })),
        issuer.token_with_status(2),
        "x".repeat(3 * 1024 * 1024),
        String::new(),
    ] {
        issuer.publish_list(list.clone());
        let authenticator = issuer.builder().check_status(true).build().await.expect("keys");
        let outcome = refusal(&authenticator, &issuer.token_with_status(2)).await;
        assert_eq!(outcome, Some(TokenError::Unverifiable), "{}", &list[..list.len().min(300)]);
    }
}

#[tokio::test]
async fn only_a_verified_token_makes_the_service_fetch_a_list_and_only_from_the_issuer() {
    let (issuer, authenticator) = with_list().await;
    let victim = Issuer::start().await;
    let status = |uri: String| json!({ "status": { "status_list": { "idx": 2, "uri": uri } } });
    let forged = Forge::new().sign(
        &json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "first" }),
        &issuer.claims(&status(issuer.list_url())),
    );
    assert_eq!(refusal(&authenticator, &forged).await, Some(TokenError::Invalid));
    let expired = issuer.claims(&status(issuer.list_url()));
    let expired = issuer.token(&json!({ "exp": issuer.now() - 1, "status": expired["status"] }));
    assert_eq!(refusal(&authenticator, &expired).await, Some(TokenError::Expired));
    assert_eq!(issuer.list_fetches(), 0);
    for uri in [
        victim.list_url(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("http://{}@{}/lists/1", issuer.address, victim.address),
    ] {
        let token = issuer.token(&status(uri.clone()));
        assert_eq!(refusal(&authenticator, &token).await, Some(TokenError::Unverifiable), "{uri}");
    }
    assert_eq!((victim.list_fetches(), victim.key_fetches()), (0, 0));

    // An operator may permit another origin. The list is signed with the issuer's key all the same.
    let builder = issuer.builder().check_status(true).status_list_origin(victim.url());
    let authenticator = builder.build().await.expect("keys");
    victim.publish_list(issuer.list(&[], &json!({}), &json!({ "sub": victim.list_url() })));
    assert_eq!(refusal(&authenticator, &issuer.token(&status(victim.list_url()))).await, None);
    assert_eq!(victim.list_fetches(), 1);
}
