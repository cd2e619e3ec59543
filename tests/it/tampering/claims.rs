//! Claims that must be rejected.

use serde_json::{Value, json};

use super::{EXPIRED, INVALID, MALFORMED, REVOKED, Scene, with_another};
use crate::support::PASSWORD;

#[tokio::test]
async fn a_token_for_or_from_somebody_else_is_refused() {
    let scene = Scene::set().await;
    for claims in [
        json!({ "iss": "https://id.example.com/" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": ["https://id.example.com"] }),
        json!({ "aud": "another" }),
        json!({ "aud": "" }),
        json!({ "aud": [] }),
        json!({ "aud": ["portcullis", "another"] }),
    ] {
        scene.assert_refused(&scene.with_claims(&claims), INVALID).await;
    }
}

#[tokio::test]
async fn a_token_without_a_claim_that_it_must_have_is_refused() {
    let scene = Scene::set().await;
    // A server without status lists issues tokens without `status`, and earlier releases without `acr` and `amr`.
    let optional = ["status", "acr", "amr"];
    let names =
        scene.claims.as_object().expect("an object").keys().filter(|name| !optional.contains(&name.as_str()));
    for name in names {
        scene.assert_refused(&scene.with_claims(&json!({ name: null })), INVALID).await;
    }
}

#[tokio::test]
async fn a_claim_of_the_wrong_type_is_refused() {
    let scene = Scene::set().await;
    let values =
        [json!(1), json!(1.5), json!("1"), json!("x"), json!(true), json!([]), json!([1]), json!({})];
    let is_right = |name: &str, value: &Value| match name {
        "auth_time" | "token_version" => value.is_i64(),
        "scope" | "username" => value.is_string(),
        "roles" => *value == json!([]),
        _ => false,
    };
    for name in [
        "iss",
        "aud",
        "sub",
        "sid",
        "jti",
        "iat",
        "auth_time",
        "scope",
        "roles",
        "username",
        "token_version",
        "status",
    ] {
        for value in values.iter().filter(|value| !(is_right(name, value) || name == "iat" && value.is_i64()))
        {
            scene.assert_refused(&scene.with_claims(&json!({ name: value })), INVALID).await;
        }
    }
    for exp in [json!(-1), json!(i64::MIN), json!(true), json!("9999999999"), json!(9e99), json!(u64::MAX)] {
        scene.assert_refused(&scene.with_claims(&json!({ "exp": exp })), INVALID).await;
    }
    let swapped = json!({ "sub": scene.claims["sid"], "sid": scene.claims["sub"] });
    scene.assert_refused(&scene.with_claims(&swapped), INVALID).await;
    let shouted = scene.claims["sub"].as_str().expect("text").to_uppercase();
    scene.assert_refused(&scene.with_claims(&json!({ "sub": shouted })), INVALID).await;
}

#[tokio::test]
async fn a_token_lives_in_its_own_time_only() {
    let scene = Scene::set().await;
    let at = |seconds| scene.seconds_from_now(seconds);
    for exp in [at(0), at(-1), at(-20), 1, 0] {
        scene.assert_refused(&scene.with_claims(&json!({ "exp": exp })), EXPIRED).await;
    }
    for iat in [at(-3601), 0, i64::MIN] {
        scene.assert_refused(&scene.with_claims(&json!({ "iat": iat })), EXPIRED).await;
    }
    for claims in [
        json!({ "iat": at(600) }),
        json!({ "iat": i64::MAX }),
        json!({ "nbf": at(600) }),
        json!({ "nbf": "soon" }),
        json!({ "nbf": i64::MAX }),
    ] {
        scene.assert_refused(&scene.with_claims(&claims), INVALID).await;
    }
    let skewed = json!({ "iat": at(20), "nbf": at(20) });
    scene.assert_accepted(&scene.with_claims(&skewed)).await;
}

#[tokio::test]
async fn a_token_of_an_earlier_build_names_its_version_epoch_and_stays_valid() {
    let scene = Scene::set().await;
    let version = &scene.claims["token_version"];
    let earlier = scene.with_claims(&json!({ "token_version": null, "epoch": version }));
    scene.assert_accepted(&earlier).await;
    let both = scene.with_claims(&json!({ "epoch": version }));
    scene.assert_refused(&both, INVALID).await;
    let passwords = json!({ "currentPassword": PASSWORD, "newPassword": "another correct horse battery" });
    scene.ada.mutate("changePassword", passwords, "errors { code }").await.assert_done();
    scene.assert_refused(&earlier, REVOKED).await;
}

/// RFC 7519 §4: a name stands once among the claims.
#[tokio::test]
async fn a_claim_that_stands_there_twice_is_refused() {
    let scene = Scene::set().await;
    let header = scene.header.to_string();
    for (name, value) in scene.claims.as_object().expect("an object") {
        let claims = with_another(&scene.claims, name, value);
        scene.assert_refused(&scene.with_texts(&header, &claims), INVALID).await;
    }
    let evil = with_another(&scene.claims, "sub", &json!("user_00000000000000000000000000"));
    scene.assert_refused(&scene.with_texts(&header, &evil), INVALID).await;
}

#[tokio::test]
async fn a_payload_that_is_no_object_of_a_decent_depth_is_refused() {
    let scene = Scene::set().await;
    let (header, claims) = (scene.header.to_string(), scene.claims.to_string());
    let list = Value::Array(scene.claims.as_object().expect("an object").values().cloned().collect());
    for payload in
        ["null", "1", "\"x\"", "[]", "{}", " ", "{", &list.to_string(), &claims[1..], &format!("[{claims}]")]
    {
        scene.assert_refused(&scene.with_texts(&header, payload), INVALID).await;
    }
    scene.assert_refused(&scene.with_texts(&header, ""), MALFORMED).await;
    for open in ["[", "{\"a\":"] {
        let close = if open == "[" { "]" } else { "}" };
        let nested = |levels: usize| {
            let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            scene.with_texts(&header, &claims.replacen('{', &format!("{{\"deep\":{value},"), 1))
        };
        scene.assert_accepted(&nested(50)).await;
        scene.assert_refused(&nested(200), INVALID).await;
    }
    let unclosed = claims.replacen('{', &format!("{{\"deep\":{}", "[".repeat(5000)), 1);
    scene.assert_refused(&scene.with_texts(&header, &unclosed), INVALID).await;
}
