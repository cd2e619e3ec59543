//! REST routes beside GraphQL: `examples/axum-routes`.

#[path = "../../../examples/axum-routes/main.rs"]
#[expect(dead_code, reason = "the tests start the server without its `main`")]
mod application;

use reqwest::{Method, StatusCode, header::WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp};

/// Sends a request to `/contacts` with the token of a client.
async fn contacts(app: &TestApp, client: &Client, method: Method, body: Option<Value>) -> reqwest::Response {
    let request = reqwest::Client::new().request(method, app.url("/contacts"));
    let request = match &client.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().await.expect("the server responds")
}

#[tokio::test]
async fn users_list_and_add_their_own_contacts_by_rest() {
    let app = TestApp::of(application::server()).await;
    let (ada, eve) = (app.with_roles("ada", &["editor"]).await, app.signed_in("eve").await);
    let added = contacts(&app, &ada, Method::POST, Some(json!("Grace"))).await;
    assert_eq!(added.status(), StatusCode::CREATED);
    let list =
        async |client| contacts(&app, client, Method::GET, None).await.json::<Value>().await.expect("JSON");
    assert_eq!(list(&ada).await, json!(["Grace"]));
    assert_eq!(list(&eve).await, json!([]));
}

#[tokio::test]
async fn a_rest_route_refuses_a_missing_token_and_a_missing_scope() {
    let app = TestApp::of(application::server()).await;
    let refused = contacts(&app, &app.anonymous(), Method::GET, None).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
    assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
    let refused = contacts(&app, &app.signed_in("eve").await, Method::POST, Some(json!("Grace"))).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    let ada = app.signed_in("ada").await;
    ada.ask("mutation { logout { errors { code } } }").await.assert_done();
    let refused = contacts(&app, &ada, Method::GET, None).await;
    let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().expect("ASCII");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}

#[tokio::test]
async fn the_access_token_of_a_browser_with_a_refresh_cookie_opens_rest_routes() {
    let app = TestApp::of(application::server()).await;
    let ada = app.anonymous();
    let input = json!({ "username": "ada", "password": PASSWORD, "delivery": "COOKIE" });
    let registered = ada.mutate("register", input, crate::support::AUTH).await;
    assert!(registered.assert_done().at("/it/refreshToken").is_null(), "it is in the cookie");
    let ada = ada.bearing(registered.at("/it/accessToken").as_str().expect("a token"));
    assert_eq!(contacts(&app, &ada, Method::GET, None).await.status(), StatusCode::OK);
}
