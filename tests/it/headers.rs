//! The security headers, which every response has.

use crate::support::{Answer, TestApp, Wire};

const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";

/// An answer of every route, and of every layer that answers in a route's place.
async fn answers(app: &TestApp) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for (method, path) in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("POST", "/"),
        ("GET", "/playground.js"),
        ("GET", "/playground.css"),
        ("GET", "/account/verify-email"),
        ("HEAD", "/account/reset-password"),
        ("POST", "/account/reset-password"),
        ("GET", "/account/texts.js"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/.well-known/jwks.json"),
        ("OPTIONS", "/.well-known/jwks.json"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/graphql?query=%7B__typename%7D"),
        ("GET", "/graphql?query=mutation%7B__typename%7D"),
        ("GET", "/graphql"),
        ("POST", "/graphql"),
        ("PUT", "/graphql"),
        ("OPTIONS", "/graphql"),
        ("GET", "/nope"),
        ("GET", "/%00"),
    ] {
        answers.push((format!("{method} {path}"), app.request(method, path, &[]).await));
    }
    let accept = app.request("GET", "/graphql?query=%7B__typename%7D", &[("accept", "text/html")]).await;
    answers.push(("a media type that is not there".to_owned(), accept));
    let unchanged = app.request("GET", "/", &[("if-none-match", answers[0].1.header("etag"))]).await;
    assert_eq!(unchanged.status, 304);
    answers.push(("a page that has not changed".to_owned(), unchanged));
    answers.push(("a query".to_owned(), app.anonymous().ask("{ __typename }").await));
    answers.push(("a refusal".to_owned(), app.anonymous().ask("{ nope }").await));
    answers
        .push(("a body that is too large".to_owned(), app.anonymous().send_raw("x".repeat(300_000)).await));
    answers
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let app = TestApp::start().await;
    for (name, answer) in answers(&app).await {
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(header), value, "{name}: {header}");
        }
        let is_public = name.contains("GET /.well-known");
        let readers = if is_public { "cross-origin" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), readers, "{name}");
        let policy = answer.header("content-security-policy");
        let pages = [
            "GET /",
            "HEAD /",
            "GET /playground.js",
            "GET /playground.css",
            "GET /account/verify-email",
            "HEAD /account/reset-password",
        ];
        if pages.contains(&&*name) || name.contains("page") {
            assert!(
                policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"),
                "{name}"
            );
            assert!(!policy.contains("unsafe"), "{name}: {policy}");
        } else {
            assert_eq!(policy, NO_PAGE, "{name}");
        }
        assert!(!answer.header("x-request-id").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_server_without_tls_does_not_ask_for_it() {
    let app = TestApp::with(|config| config.http.public_url = Some("http://127.0.0.1:4000".to_owned())).await;
    for (name, answer) in answers(&app).await {
        assert_eq!(answer.header("strict-transport-security"), "", "{name}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
    }
}

#[tokio::test]
async fn header_names_are_spelled_in_the_case_that_old_clients_look_for() {
    let app = TestApp::start().await;
    let upgrade = "GET /graphql HTTP/1.1\r\nHost: id.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";
    for (request, names) in [
        ("GET /healthz HTTP/1.1\r\nhost: id.example.com\r\n\r\n", ["Content-Type: ", "X-Request-Id: "]),
        (upgrade, ["Sec-WebSocket-Protocol: graphql-transport-ws\r\n", "Upgrade: websocket\r\n"]),
    ] {
        let mut wire = Wire::connect(app.address()).await;
        wire.send(request).await;
        let head = wire.head().await.expect("an answer");
        assert!(names.iter().all(|name| head.contains(name)), "{head}");
    }
}
