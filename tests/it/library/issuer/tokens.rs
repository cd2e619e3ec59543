//! The tokens of any OpenID provider, and those that are refused.

use portcullis::tokens::TokenError;
use serde_json::{Value, json};

use super::{Issuer, authenticate, refusal};
use crate::support::{Forge, base64url, unsigned};

#[tokio::test]
async fn a_token_of_another_provider_opens_the_service() {
    let issuer = Issuer::start().await;
    let authenticator = issuer.authenticator().await;
    let claims =
        authenticate(&authenticator, &issuer.token(&json!({ "scope": "b a" }))).await.expect("claims");
    assert_eq!(
        (&claims["sub"], &claims["username"], &claims["scope"]),
        (&json!("auth0|7"), &json!("auth0|7"), &json!("a b"))
    );
    let caller = authenticator.authenticate_header(&format!("Bearer {}", issuer.token(&json!({})))).await;
    let caller = caller.expect("a valid token");
    assert_eq!((caller.user(), caller.session()), (None, None));
}

#[tokio::test]
async fn the_names_of_claims_are_those_of_the_provider() {
    let issuer = Issuer::start().await;
    let builder =
        issuer.builder().roles_claim("realm_access.roles").username_claim("name").scope_claim("scp");
    let authenticator = builder.build().await.expect("keys");
    let token = issuer.token(&json!({
        "realm_access": { "roles": ["admin"] }, "name": "Ada", "scp": ["notes:read"], "roles": ["ignored"],
    }));
    let claims = authenticate(&authenticator, &token).await.expect("claims");
    let read = (&claims["username"], &claims["scope"], claims["realm_access"]["roles"][0].as_str());
    assert_eq!(read, (&json!("Ada"), &json!("notes:read"), Some("admin")));
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let issuer = Issuer::start().await;
    let id_token = |typ: Value| issuer.sign(&json!({ "typ": typ }), &issuer.claims(&json!({ "nonce": "n" })));
    let strict = issuer.authenticator().await;
    let lenient = issuer.builder().accept_jwt_type().build().await.expect("keys");
    for typ in [json!("JWT"), json!("application/jwt"), Value::Null] {
        let token = id_token(typ);
        assert_eq!(refusal(&strict, &token).await, Some(TokenError::Invalid));
        assert_eq!(refusal(&lenient, &token).await, None);
    }
    for typ in [json!("logout+jwt"), json!("statuslist+jwt"), json!("dpop+jwt"), json!("")] {
        assert_eq!(refusal(&lenient, &id_token(typ)).await, Some(TokenError::Invalid));
    }
    // The audience of an ID token is an application.
    let of_application = issuer.sign(&json!({ "typ": "JWT" }), &issuer.claims(&json!({ "aud": "app" })));
    assert_eq!(refusal(&lenient, &of_application).await, Some(TokenError::Invalid));
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused() {
    let issuer = Issuer::start().await;
    let authenticator = issuer.authenticator().await;
    for changes in [
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": "other" }),
        json!({ "aud": [] }),
        json!({ "sub": 7 }),
        json!({ "iat": issuer.now() + 600 }),
        json!({ "scope": 7 }),
    ] {
        assert_eq!(
            refusal(&authenticator, &issuer.token(&changes)).await,
            Some(TokenError::Invalid),
            "{changes}"
        );
    }
    let expired = issuer.token(&json!({ "exp": issuer.now() - 1 }));
    assert_eq!(refusal(&authenticator, &expired).await, Some(TokenError::Expired));
    let public_key = issuer.published.lock().expect("no panic").key.public_key().to_vec();
    let hmac = hmac_signed(
        &json!({ "alg": "HS256", "typ": "at+jwt", "kid": "first" }),
        &issuer.claims(&json!({})),
        &public_key,
    );
    assert_eq!(refusal(&authenticator, &hmac).await, Some(TokenError::Invalid));
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "ES256" }),
        json!({ "kid": null }),
        json!({ "jku": format!("{}/keys", issuer.url()) }),
        json!({ "crit": ["exp"] }),
    ] {
        let token = issuer.sign(&header, &issuer.claims(&json!({})));
        assert_eq!(refusal(&authenticator, &token).await, Some(TokenError::Invalid), "{header}");
    }
    let other = Forge::new()
        .sign(&json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "first" }), &issuer.claims(&json!({})));
    assert_eq!(refusal(&authenticator, &other).await, Some(TokenError::Invalid));
}

fn hmac_signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = unsigned(header, claims);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", base64url(signature.as_ref()))
}

#[tokio::test]
async fn a_shared_secret_verifies_tokens_with_and_without_a_kid() {
    let issuer = Issuer::start().await;
    let secret = "a secret of thirty-two bytes, or more";
    let builder = |secret: &str| issuer.builder().shared_secret(secret);
    let authenticator = builder(secret).build().await.expect("a long secret");
    let token =
        |header: Value, secret: &str| hmac_signed(&header, &issuer.claims(&json!({})), secret.as_bytes());
    let header = json!({ "alg": "HS256", "typ": "at+jwt" });
    assert_eq!(refusal(&authenticator, &token(header.clone(), secret)).await, None);
    assert_eq!(refusal(&authenticator, &token(header, "another")).await, Some(TokenError::Invalid));
    let unknown = json!({ "alg": "HS256", "typ": "at+jwt", "kid": "unknown" });
    assert_eq!(refusal(&authenticator, &token(unknown, secret)).await, Some(TokenError::Invalid));
    assert!(builder("short").build().await.is_err());
}
