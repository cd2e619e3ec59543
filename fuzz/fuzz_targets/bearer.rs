//! Authorization headers. Who is let in bears a token that our key has signed, for us, and in its time.
//!
//! The input is the values of the header, one a line; after a line `sign`, a header and claims, which are
//! signed with the server's own key, so that what lies behind the signature is reached.

#![no_main]

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
    time::Duration,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use portcullis::{
    clock::Clock,
    http::Authenticator,
    tokens::{Caller, TokenFormat, VerificationKeys, Verifier, VerifierConfig},
};
use serde_json::json;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "portcullis";

static SERVER: LazyLock<(Authenticator, Ed25519KeyPair, Clock)> = LazyLock::new(|| {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed");
    let x = BASE64_URL_SAFE_NO_PAD.encode(key.public_key());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k", "x": x });
    let keys = serde_json::from_value(json!({ "keys": [jwk] })).expect("a key set");
    let keys = VerificationKeys::from_jwks(&keys).expect("keys that verify");
    let verifier_config = VerifierConfig {
        issuer: Some(ISSUER.to_owned()),
        audience: AUDIENCE.to_owned(),
        clock_skew: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(100 * 365 * 24 * 60 * 60),
        format: TokenFormat::Portcullis,
    };
    let clock = Clock::system();
    let verifier = Arc::new(Verifier::new(&verifier_config, keys, clock.clone()));
    (Authenticator::new(verifier, Arc::default()), key, clock)
});

fuzz_target!(|data: &[u8]| {
    let (authenticator, key, clock) = &*SERVER;
    let mut lines = data.split(|byte| *byte == b'\n');
    let is_signed = data.starts_with(b"sign\n");
    let mut headers = HeaderMap::new();
    if is_signed {
        let parts =
            [lines.nth(1), lines.next()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.unwrap_or_default()));
        let signed = parts.join(".");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        let bearer = format!("Bearer {signed}.{signature}");
        headers.insert(AUTHORIZATION, bearer.parse().expect("base64url is ASCII"));
    } else {
        for value in lines.filter_map(|line| HeaderValue::from_bytes(line).ok()) {
            headers.append(AUTHORIZATION, value);
        }
    }
    // It is ready at once, because it has nothing to fetch.
    let mut authentication = pin!(authenticator.authenticate(&headers));
    let Poll::Ready(caller) = authentication.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the server's own authenticator waits");
    };
    let _ = authenticator.expired_session(&headers, &caller);
    if let Caller::Authenticated(claims) = caller {
        assert!(is_signed, "nobody else has the key");
        assert!(claims.iss == ISSUER && claims.aud.contains(AUDIENCE) && claims.account().is_some());
        assert!(claims.exp > clock.now().timestamp() && claims.iat <= clock.now().timestamp() + 30);
    }
});
