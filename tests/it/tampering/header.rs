//! Token headers that must be rejected: another algorithm, another key, or critical parameters.

use aws_lc_rs::hmac;
use serde_json::json;

use super::{INVALID, MALFORMED, Scene, merged, with_another};
use crate::support::{Forge, base64url, unsigned};

#[tokio::test]
async fn no_token_chooses_its_own_algorithm() {
    let scene = Scene::set().await;
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let header = merged(&scene.header, &json!({ "alg": alg }));
        let unsigned = unsigned(&header, &scene.claims);
        scene.assert_refused(&format!("{unsigned}."), MALFORMED).await;
        scene.assert_refused(&unsigned, MALFORMED).await;
        scene.assert_refused(&scene.forge.sign(&header, &scene.claims), INVALID).await;
    }
    for alg in ["ES256", "RS256", "PS512", "HS256", "EdDSA ", "eddsa", "Ed25519"] {
        scene.assert_refused(&scene.with_header(&json!({ "alg": alg })), INVALID).await;
    }
    for alg in [json!(null), json!(7), json!(["EdDSA"]), json!({ "alg": "EdDSA" })] {
        scene.assert_refused(&scene.with_header(&json!({ "alg": alg })), INVALID).await;
    }
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    let scene = Scene::set().await;
    let x = base64url(scene.forge.public_key());
    let jwks = scene.app.anonymous().get("/.well-known/jwks.json").await;
    let secrets =
        [scene.forge.public_key().to_vec(), x.into_bytes(), jwks.body["keys"][0].to_string().into_bytes()];
    let algorithms =
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
    for ((alg, algorithm), secret) in
        algorithms.into_iter().flat_map(|alg| secrets.iter().map(move |secret| (alg, secret)))
    {
        let signed = unsigned(&merged(&scene.header, &json!({ "alg": alg })), &scene.claims);
        let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
        scene.assert_refused(&format!("{signed}.{}", base64url(tag.as_ref())), INVALID).await;
    }
}

#[tokio::test]
async fn a_header_names_a_key_of_ours_and_brings_none() {
    let scene = Scene::set().await;
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(scene.forge.public_key()) });
    for header in [
        json!({ "kid": null }),
        json!({ "kid": "" }),
        json!({ "kid": "unknown" }),
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "' OR 1=1 --" }),
        json!({ "kid": 7 }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "x5u": "https://evil.example/cert.pem" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "jwk": jwk }),
    ] {
        scene.assert_refused(&scene.with_header(&header), INVALID).await;
    }
}

#[tokio::test]
async fn a_key_that_is_not_published_signs_for_nobody() {
    let scene = Scene::set().await;
    scene.assert_refused(&Forge::new().sign(&scene.header, &scene.claims), INVALID).await;
}

#[tokio::test]
async fn only_an_access_token_is_an_access_token() {
    let scene = Scene::set().await;
    for typ in [json!(null), json!("JWT"), json!("id+jwt"), json!("at+jwt "), json!(""), json!(1)] {
        scene.assert_refused(&scene.with_header(&json!({ "typ": typ })), INVALID).await;
    }
}

/// RFC 7515 §4.1.11: who does not understand what is critical refuses the token; and the list is neither
/// empty nor anything but a list of names.
#[tokio::test]
async fn nothing_is_critical_that_we_do_not_understand() {
    let scene = Scene::set().await;
    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": "exp" }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["b64"], "b64": true }),
    ] {
        scene.assert_refused(&scene.with_header(&header), INVALID).await;
    }
}

/// RFC 7515 §4: what is neither critical nor understood is ignored. `zip` and `enc` belong to encrypted
/// tokens (RFC 7516 §4.1), `b64` counts only where it is critical (RFC 7797 §6), and `cty` is the
/// application's to read (§4.1.10).
#[tokio::test]
async fn what_a_header_says_beyond_that_changes_nothing() {
    let scene = Scene::set().await;
    for header in [
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A256GCM" }),
        json!({ "cty": "JWT" }),
        json!({ "x5t": "AA", "x5t#S256": "AA" }),
        json!({ "more": { "deep": [null, 1, "a"] } }),
        json!({ "exp": 1, "iss": "https://evil.example", "sub": "nobody" }),
    ] {
        scene.assert_accepted(&scene.with_header(&header)).await;
    }
    let twice = with_another(&scene.header, "more", &json!(1)).replacen('{', r#"{"more":2,"#, 1);
    scene.assert_accepted(&scene.with_texts(&twice, &scene.claims.to_string())).await;
}

/// RFC 7515 §4.1: these are strings, and nothing else is.
#[tokio::test]
async fn a_header_whose_members_have_the_wrong_type_is_refused() {
    let scene = Scene::set().await;
    for name in ["typ", "cty", "zip", "enc", "jku", "x5u", "x5t"] {
        for value in [json!(1), json!(true), json!([]), json!({})] {
            scene.assert_refused(&scene.with_header(&json!({ name: value })), INVALID).await;
        }
    }
}

/// RFC 7515 §4: a name stands once in a header.
#[tokio::test]
async fn a_header_that_says_a_thing_twice_is_refused() {
    let scene = Scene::set().await;
    let claims = scene.claims.to_string();
    let typed = merged(&scene.header, &json!({ "cty": "JWT" }));
    for (name, value) in [
        ("alg", json!("EdDSA")),
        ("alg", json!("none")),
        ("typ", json!("at+jwt")),
        ("kid", scene.header["kid"].clone()),
        ("kid", json!("unknown")),
        ("cty", json!("JWT")),
    ] {
        let header = with_another(&typed, name, &value);
        scene.assert_refused(&scene.with_texts(&header, &claims), INVALID).await;
    }
}

#[tokio::test]
async fn a_header_that_is_no_object_is_refused() {
    let scene = Scene::set().await;
    let header = scene.header.to_string();
    let list = json!(["at+jwt", "EdDSA", null, null, null, scene.header["kid"]]).to_string();
    let deep = with_another(&scene.header, "deep", &json!(0)).replacen('0', &"[".repeat(2000), 1);
    for header in [
        "null",
        "1",
        "\"EdDSA\"",
        "[]",
        "{}",
        "",
        " ",
        "{",
        &list,
        &header[1..],
        &format!("[{header}]"),
        &format!("{header}{header}"),
        &format!("\u{feff}{header}"),
        &deep,
    ] {
        let token = scene.with_texts(header, &scene.claims.to_string());
        let reason = if header.is_empty() { MALFORMED } else { INVALID };
        scene.assert_refused(&token, reason).await;
    }
}
