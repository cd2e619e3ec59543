//! An invalid access token: the response gives the reason, and public fields are served all the same.

use std::time::Duration;

use serde_json::json;

use crate::support::{AUTH, Client, PASSWORD, TestApp};

/// Says that the client is anonymous for this reason, and that it can do all the same what takes no token.
async fn assert_rejected(client: &Client, app: &TestApp, reason: &str) {
    let mut fresh = app.anonymous();
    fresh.log_in("ada", PASSWORD).await.assert_done();

    let answer = client.ask("{ server { version } me { id } }").await;
    answer.assert_failed("UNAUTHENTICATED");
    assert_eq!(answer.error()["reason"], reason);
    assert!(answer.at("/server/version").is_string());
    client.ask("{ server { version } }").await.assert_done();
    let login = json!({ "username": "ada", "password": PASSWORD });
    client.mutate("login", login, AUTH).await.assert_done();
    let refresh = json!({ "refreshToken": fresh.refresh_token });
    client.mutate("refresh", refresh.clone(), AUTH).await.assert_done();
    client.mutate("logout", refresh, "errors { code }").await.assert_done();
}

#[tokio::test]
async fn a_header_that_is_not_one_bearer_token_is_malformed() {
    let app = TestApp::start().await;
    let token = app.signed_in("ada").await.token.expect("a token");
    let (bearer, long) = (format!("Bearer {token}"), format!("Bearer {}", "a".repeat(9000)));
    let two_tokens = format!("{bearer} {token}");
    let list = format!("{bearer}, {bearer}");
    for header in [
        &token,
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRhOnBhc3N3b3Jk",
        "Bearer garbage",
        "Bearer a.b",
        "Bearer a..c",
        "Bearer ä.ö.ü",
        &format!("Basic {token}"),
        &two_tokens,
        &list,
        &long,
    ] {
        let client = app.anonymous().header("authorization", header);
        assert_rejected(&client, &app, "TOKEN_MALFORMED").await;
    }
    let twice = app.anonymous().header("authorization", &bearer).header("authorization", &bearer);
    assert_rejected(&twice, &app, "TOKEN_MALFORMED").await;
}

#[tokio::test]
async fn the_scheme_is_written_in_any_case() {
    let app = TestApp::start().await;
    let token = app.signed_in("ada").await.token.expect("a token");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let client = app.anonymous().header("authorization", &format!("{scheme} {token}"));
        client.ask("{ me { id } }").await.assert_done();
    }
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_invalid() {
    let app = TestApp::start().await;
    let token = app.signed_in("ada").await.token.expect("a token");
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    let changed = |text: &str| {
        let first = if text.starts_with('A') { "B" } else { "A" };
        format!("{first}{}", &text[1..])
    };
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    for token in [
        format!("{header}.{claims}.{}", changed(signature)),
        format!("{header}.{}.{signature}", changed(claims)),
        format!("{}.{claims}.{signature}", changed(header)),
        format!("{none}.{claims}.{signature}"),
        "a.b.c".to_owned(),
    ] {
        assert_rejected(&app.anonymous().bearing(&token), &app, "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_token_of_another_server_is_invalid() {
    let (app, other) = (TestApp::start().await, TestApp::start().await);
    app.signed_in("ada").await;
    let foreign = other.signed_in("ada").await.token.expect("a token");
    assert_rejected(&app.anonymous().bearing(&foreign), &app, "TOKEN_INVALID").await;
}

#[tokio::test]
async fn a_token_expires_by_the_clock() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    app.wait(Duration::from_mins(59));
    ada.ask("{ me { id } }").await.assert_done();
    app.wait(Duration::from_mins(1));
    assert_rejected(&ada, &app, "TOKEN_EXPIRED").await;
}

#[tokio::test]
async fn a_token_whose_session_is_over_is_revoked() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    ada.ask("mutation { it: logout { errors { code } } }").await.assert_done();
    assert_rejected(&ada, &app, "TOKEN_REVOKED").await;
}
