//! Access tokens that are almost right, signed with the server's own key where that makes them better.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Forge, TestApp, base64url, decode, unsigned, write_pem};

/// A server whose key the test has, somebody who is signed in, and their token in parts.
struct Scene {
    app: TestApp,
    forge: Forge,
    ada: Client,
    header: Value,
    claims: Value,
}

const INVALID: &str = "TOKEN_INVALID";
const MALFORMED: &str = "TOKEN_MALFORMED";

impl Scene {
    async fn set() -> Self {
        let forge = Forge::new();
        let app = TestApp::with(|config| {
            let path = config.data_dir.join("key.pem");
            write_pem(&path, &forge.pkcs8(), 0o600);
            config.tokens.signing_key_file = Some(path);
        })
        .await;
        let ada = app.signed_in("ada").await;
        let (header, claims) = decode(ada.token.as_deref().expect("a token"));
        Self { app, forge, ada, header, claims }
    }

    fn token(&self) -> &str {
        self.ada.token.as_deref().expect("a token")
    }

    /// A token with other members in the header; null takes one away.
    fn with_header(&self, members: &Value) -> String {
        self.forge.sign(&merged(&self.header, members), &self.claims)
    }

    /// A token with other claims; null takes one away.
    fn with_claims(&self, members: &Value) -> String {
        self.forge.sign(&self.header, &merged(&self.claims, members))
    }

    async fn ask(&self, token: &str) -> Answer {
        self.app.anonymous().bearing(token).me().await
    }

    async fn assert_refused(&self, token: &str, reason: &str) {
        let answer = self.ask(token).await;
        assert_eq!(answer.status, 200, "{token}: {answer:?}");
        assert_eq!(answer.error()["reason"], reason, "{token}");
        answer.assert_unauthenticated(reason);
        assert!(answer.at("/me").is_null());
    }

    fn seconds_from_now(&self, seconds: i64) -> i64 {
        self.app.clock().now().timestamp() + seconds
    }
}

fn merged(object: &Value, members: &Value) -> Value {
    let mut object = object.as_object().expect("an object").clone();
    object.extend(members.as_object().expect("an object").clone());
    object.retain(|_, value| !value.is_null());
    Value::Object(object)
}

#[tokio::test]
async fn a_token_that_the_test_signs_is_as_good_as_the_servers_own() {
    let scene = Scene::set().await;
    scene.ask(&scene.forge.sign(&scene.header, &scene.claims)).await.assert_done();
    scene.ask(&scene.with_claims(&json!({ "more": true }))).await.assert_done();
    scene.ask(&scene.with_header(&json!({ "typ": "application/at+jwt" }))).await.assert_done();
}

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
    for alg in [json!(null), json!(7), json!(["EdDSA"])] {
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
    for (alg, secret) in
        ["HS256", "HS384", "HS512"].iter().flat_map(|alg| secrets.iter().map(move |s| (alg, s)))
    {
        let algorithm = match *alg {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            _ => hmac::HMAC_SHA512,
        };
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
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
    ] {
        scene.assert_refused(&scene.with_header(&header), INVALID).await;
    }
}

#[tokio::test]
async fn only_an_access_token_is_an_access_token() {
    let scene = Scene::set().await;
    for typ in [json!(null), json!("JWT"), json!("id+jwt"), json!("at+jwt "), json!(""), json!(1)] {
        scene.assert_refused(&scene.with_header(&json!({ "typ": typ })), INVALID).await;
    }
}

#[tokio::test]
async fn a_key_that_is_not_published_signs_for_nobody() {
    let scene = Scene::set().await;
    let stranger = Forge::new();
    scene.assert_refused(&stranger.sign(&scene.header, &scene.claims), INVALID).await;
}

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
    ] {
        scene.assert_refused(&scene.with_claims(&claims), INVALID).await;
    }
}

#[tokio::test]
async fn a_token_without_a_claim_that_it_must_have_is_refused() {
    let scene = Scene::set().await;
    for name in ["iss", "aud", "sub", "sid", "jti", "iat", "exp"] {
        scene.assert_refused(&scene.with_claims(&json!({ name: null })), INVALID).await;
        scene.assert_refused(&scene.with_claims(&json!({ name: {} })), INVALID).await;
    }
    let swapped = json!({ "sub": scene.claims["sid"], "sid": scene.claims["sub"] });
    scene.assert_refused(&scene.with_claims(&swapped), INVALID).await;
    scene.assert_refused(&scene.with_claims(&json!({ "exp": "9999999999" })), INVALID).await;
}

#[tokio::test]
async fn a_token_lives_in_its_own_time_only() {
    let scene = Scene::set().await;
    let at = |seconds| scene.seconds_from_now(seconds);
    for exp in [at(0), at(-1), at(-20), 1, 0] {
        scene.assert_refused(&scene.with_claims(&json!({ "exp": exp })), "TOKEN_EXPIRED").await;
    }
    for claims in [json!({ "iat": at(600) }), json!({ "nbf": at(600) }), json!({ "nbf": "soon" })] {
        scene.assert_refused(&scene.with_claims(&claims), INVALID).await;
    }
    for exp in [json!(-1), json!(i64::MIN), json!(true)] {
        scene.assert_refused(&scene.with_claims(&json!({ "exp": exp })), INVALID).await;
    }
    let skewed = json!({ "iat": at(20), "nbf": at(20) });
    scene.ask(&scene.with_claims(&skewed)).await.assert_done();
}

#[tokio::test]
async fn a_token_that_was_edited_is_refused() {
    let scene = Scene::set().await;
    let [header, claims, signature] = scene.token().split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let admin = unsigned(&scene.header, &merged(&scene.claims, &json!({ "scope": "users:read" })));
    let last = signature.chars().last().expect("a signature");
    for token in [
        format!("{admin}.{signature}"),
        format!("{header}.{claims}.{}", &signature[..80]),
        format!("{header}.{claims}.{}", "A".repeat(86)),
        format!("{header}.{claims}.{signature}AAAA"),
        format!("{header}.{claims}.{}{}", &signature[..85], other_spelling(last)),
        format!("{claims}.{header}.{signature}"),
        format!("A{header}.{claims}.{signature}"),
    ] {
        scene.assert_refused(&token, INVALID).await;
    }
    scene.ask(scene.token()).await.assert_done();
}

/// Another character that stands for the same last two bits of a signature.
fn other_spelling(last: char) -> char {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = ALPHABET.iter().position(|&byte| char::from(byte) == last).expect("base64url");
    char::from(ALPHABET[at + 1])
}

#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_malformed() {
    let scene = Scene::set().await;
    let token = scene.token();
    let [signed, signature] = token.rsplitn(2, '.').collect::<Vec<_>>()[..] else { panic!("two parts") };
    for malformed in [
        format!("{signature}."),
        format!("{token}="),
        format!("{token}.{signed}"),
        format!("{token}.a.b"),
        format!(".{token}"),
        token.replace('.', ".."),
        token.replace('.', "_"),
        format!("{token},{token}"),
        format!("{token} {token}"),
        "a.b.c\u{fc}".to_owned(),
        "...".to_owned(),
        "undefined".to_owned(),
        "null".to_owned(),
    ] {
        scene.assert_refused(&malformed, MALFORMED).await;
    }
    scene.assert_refused("a.b.c", INVALID).await;
}

#[tokio::test]
async fn a_token_over_eight_kibibytes_is_not_looked_at() {
    let scene = Scene::set().await;
    let padded = |bytes: usize| scene.with_claims(&json!({ "padding": "x".repeat(bytes) }));
    let short = padded(5000);
    assert!(short.len() < 8192);
    scene.ask(&short).await.assert_done();
    scene.assert_refused(&padded(6200), MALFORMED).await;
    scene.assert_refused(&padded(100_000), MALFORMED).await;
}

#[tokio::test]
async fn a_token_counts_in_the_header_only() {
    let scene = Scene::set().await;
    let token = scene.token();
    for path in [
        format!("/graphql?query={{me{{id}}}}&access_token={token}"),
        format!("/graphql?query={{me{{id}}}}&authorization=Bearer%20{token}"),
    ] {
        scene.app.anonymous().get(&path).await.assert_unauthenticated("TOKEN_MISSING");
    }
    let cookie = scene.app.anonymous().header("cookie", &format!("access_token={token}; token={token}"));
    cookie.me().await.assert_unauthenticated("TOKEN_MISSING");
}
