//! The public pages without GraphQL: keys, discovery, health and GraphiQL.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{AUTH, Process, QUICK, TestApp, eventually};

#[tokio::test]
async fn the_key_set_holds_the_public_key_of_every_token() {
    let app = TestApp::start().await;
    let token = app.signed_in("ada").await.token.expect("a token");
    let header =
        BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("EdDSA")));

    let answer = app.request("GET", "/.well-known/jwks.json", &[]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
    assert_eq!(answer.header("content-type"), "application/json");
    let keys = answer.body["keys"].as_array().expect("keys");
    assert!(keys.iter().any(|key| key["kid"] == header["kid"]), "{}", answer.body);
    for key in keys {
        let members: Vec<&String> = key.as_object().expect("a key").keys().collect();
        assert!(!members.iter().any(|name| ["d", "p", "q", "k"].contains(&name.as_str())), "{members:?}");
        let facts = [&key["kty"], &key["crv"], &key["alg"], &key["use"]];
        assert_eq!(facts, ["OKP", "Ed25519", "EdDSA", "sig"]);
        let public = BASE64_URL_SAFE_NO_PAD.decode(key["x"].as_str().expect("x")).expect("base64url");
        assert_eq!(public.len(), 32);
    }
}

#[tokio::test]
async fn discovery_says_where_things_are() {
    let app = TestApp::start().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let answer = app.request("GET", path, &[]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
        assert_eq!(answer.body["issuer"], "https://id.example.com");
        assert_eq!(answer.body["jwks_uri"], "https://id.example.com/.well-known/jwks.json");
        assert_eq!(answer.body["graphql_endpoint"], "https://id.example.com/graphql");
        let scopes = json!(["audit:read", "sessions:read", "sessions:write", "users:read", "users:write"]);
        assert_eq!(answer.body["scopes_supported"], scopes);
        assert_eq!(answer.body["id_token_signing_alg_values_supported"], json!(["EdDSA"]));
    }
}

#[tokio::test]
async fn a_healthy_server_says_so_and_nobody_keeps_that() {
    let app = TestApp::start().await;
    for (path, body) in [
        ("/healthz", json!({ "status": "ok" })),
        ("/readyz", json!({ "status": "ok", "database": "ok", "changes": "ok", "keys": "ok" })),
    ] {
        let answer = app.request("GET", path, &[]).await;
        assert_eq!((answer.status, &answer.body), (200, &body), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(app.request("HEAD", path, &[]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn requests_are_logged_at_debug() {
    for (filter, is_logged) in [("info", false), ("portcullis=debug,info", true)] {
        let process = Process::start(&[QUICK[0], QUICK[1], ("PORTCULLIS_LOG__FILTER", filter)]).await;
        let client = process.anonymous();
        assert_eq!(client.get("/healthz").await.status, 200);
        assert_eq!(client.get("/elsewhere").await.status, 404);
        // A refused login is logged at info, after the requests before it.
        client.mutate("login", json!({ "username": "ada", "password": "x" }), AUTH).await;
        eventually(async || process.log().contains("LOGIN_FAILED")).await;
        for path in ["/healthz", "/elsewhere"] {
            assert_eq!(process.log().contains(path), is_logged, "{}", process.log());
        }
    }
}

#[tokio::test]
async fn the_page_for_people_needs_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.request("GET", "/", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = page.body.as_str().expect("HTML");
    assert!(html.contains("Portcullis"));
    let quoted = html.split('"').filter(|text| text.starts_with("./"));
    let mut assets = 0;
    for asset in quoted.map(|text| &text[1..]) {
        assets += 1;
        let answer = app.request("GET", asset, &[]).await;
        let ty = if asset == "/playground.js" {
            "text/javascript; charset=utf-8"
        } else {
            "text/css; charset=utf-8"
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, ty), "{asset}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let again = app.request("GET", asset, &[("if-none-match", answer.header("etag"))]).await;
        assert_eq!((again.status, &again.body), (304, &json!("")), "{asset}");
    }
    assert_eq!(assets, 2);
    for (attribute, elsewhere) in [("src=", "http"), ("href=", "http"), ("src=", "//"), ("href=", "//")] {
        assert!(!html.contains(&format!("{attribute}\"{elsewhere}")), "{html}");
    }
}

#[tokio::test]
async fn the_page_for_people_can_neither_be_framed_nor_run_what_is_not_its_own() {
    let app = TestApp::start().await;
    for path in ["/", "/playground.js", "/playground.css"] {
        let answer = app.request("GET", path, &[]).await;
        let policy: Vec<&str> = answer.header("content-security-policy").split("; ").collect();
        for directive in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(&directive), "{path}: {policy:?}");
        }
        assert!(!policy.iter().any(|directive| directive.contains("unsafe")), "{policy:?}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn there_is_no_page_where_the_playground_is_off() {
    let app = TestApp::with(|config| config.graphql.playground = false).await;
    for path in ["/", "/playground.js", "/playground.css"] {
        app.request("GET", path, &[]).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
    app.anonymous().ask("{ server { version } }").await.assert_done();
}
