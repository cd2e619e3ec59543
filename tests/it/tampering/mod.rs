//! Access tokens that are almost valid. Where it matters, they are signed with the server's own key.

mod claims;
mod elsewhere;
mod form;
mod header;

use serde_json::{Value, json};

use crate::support::{AUTH, Answer, Client, Forge, PASSWORD, TestApp, base64url, decode, write_pem};

const INVALID: &str = "TOKEN_INVALID";
const MALFORMED: &str = "TOKEN_MALFORMED";
const EXPIRED: &str = "TOKEN_EXPIRED";
const REVOKED: &str = "TOKEN_REVOKED";

/// A server whose key the test has, somebody who is signed in, and their token in parts.
struct Scene {
    app: TestApp,
    forge: Forge,
    ada: Client,
    header: Value,
    claims: Value,
}

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

    /// The parts of the token as they stand in it: header, claims, signature.
    fn parts(&self) -> [&str; 3] {
        self.token().split('.').collect::<Vec<_>>().try_into().expect("three parts")
    }

    /// A token with other members in the header; null takes one away.
    fn with_header(&self, members: &Value) -> String {
        self.forge.sign(&merged(&self.header, members), &self.claims)
    }

    /// A token with other claims; null takes one away.
    fn with_claims(&self, members: &Value) -> String {
        self.forge.sign(&self.header, &merged(&self.claims, members))
    }

    /// A token of these texts, JSON or not.
    fn with_texts(&self, header: &str, claims: &str) -> String {
        self.forge.sign_text(&format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes())))
    }

    async fn ask(&self, token: &str) -> Answer {
        self.app.anonymous().bearing(token).me().await
    }

    async fn assert_accepted(&self, token: &str) {
        let answer = self.ask(token).await;
        assert_eq!(answer.at("/me/id"), &*self.ada.user_id, "{token}: {}", answer.body);
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

/// An object with other members; null takes one away.
fn merged(object: &Value, members: &Value) -> Value {
    let mut object = object.as_object().expect("an object").clone();
    object.extend(members.as_object().expect("an object").clone());
    object.retain(|_, value| !value.is_null());
    Value::Object(object)
}

/// The text of an object with one more member before the others, whether or not there is one of its name.
fn with_another(object: &Value, name: &str, value: &Value) -> String {
    object.to_string().replacen('{', &format!("{{{}:{value},", json!(name)), 1)
}

#[tokio::test]
async fn a_token_that_the_test_signs_is_as_good_as_the_servers_own() {
    let scene = Scene::set().await;
    scene.assert_accepted(&scene.forge.sign(&scene.header, &scene.claims)).await;
    scene.assert_accepted(&scene.with_texts(&scene.header.to_string(), &scene.claims.to_string())).await;
    scene.assert_accepted(&scene.with_claims(&json!({ "more": true }))).await;
    scene.assert_accepted(&scene.with_header(&json!({ "typ": "application/at+jwt" }))).await;
}

#[tokio::test]
async fn a_bad_token_stands_in_nobodys_way() {
    let scene = Scene::set().await;
    for (token, reason) in [
        (scene.with_claims(&json!({ "exp": 1 })), EXPIRED),
        (scene.with_claims(&json!({ "aud": "another" })), INVALID),
        (scene.with_header(&json!({ "alg": "none" })), INVALID),
        (scene.with_texts("[", "{}"), INVALID),
        (scene.ada.kept().to_owned(), MALFORMED),
        ("a".repeat(100_000), MALFORMED),
        ("\u{fc}".to_owned(), MALFORMED),
    ] {
        scene.assert_refused(&token, reason).await;
        let client = scene.app.anonymous().bearing(&token);
        let credentials = json!({ "username": "ada", "password": PASSWORD });
        let signed_in = client.mutate("login", credentials, AUTH).await;
        let kept = json!({ "refreshToken": signed_in.assert_done().at("/it/refreshToken") });
        let refreshed = client.mutate("refresh", kept, AUTH).await;
        let kept = json!({ "refreshToken": refreshed.assert_done().at("/it/refreshToken") });
        client.mutate("logout", kept, "errors { code }").await.assert_done();
    }
}
