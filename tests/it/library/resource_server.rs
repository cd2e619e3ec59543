//! A service without a database that verifies the tokens of a server: `examples/resource-server`.

#[path = "../../../examples/resource-server/main.rs"]
#[expect(dead_code, reason = "the tests start the service without its `main`")]
mod service;

use std::time::Duration;

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Result, Schema};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{Router, routing::post};
use portcullis::{
    Authenticator, Caller, TokenCheck, audit::Actor, changes::Change, clock::Clock, config::RoleConfig,
    guarded, tokens::Activation,
};
use serde_json::{Value, json};

use crate::support::{Client, Socket, TestApp, free_address};

/// The lifetime of an access token.
const HOUR: Duration = Duration::from_hours(1);

const FOLLOW: &str = "subscription { tick { greeting } }";

/// A server with a role that grants the scope of the service.
async fn server() -> TestApp {
    TestApp::with(|config| {
        config.roles.insert("reader".to_owned(), RoleConfig::new(["notes:read"]));
    })
    .await
}

/// The authenticator of the service, with the published keys of the server.
async fn authenticator(app: &TestApp) -> Authenticator {
    let builder = Authenticator::builder().issuer("https://id.example.com").audience("portcullis");
    let builder = builder.jwks_url(app.url("/.well-known/jwks.json")).clock(app.clock());
    builder.refresh_at_most_every(Duration::from_millis(100)).build().await.expect("published keys")
}

/// A client of the service without a token.
async fn service_of(app: &TestApp) -> Client {
    app.also_serve(service::router(authenticator(app).await)).await
}

fn token(client: &Client) -> &str {
    client.token.as_deref().expect("the client has signed in")
}

#[tokio::test]
async fn a_token_of_the_server_opens_fields_of_another_service() {
    let app = server().await;
    let ada = service_of(&app).await.bearing(token(&app.signed_in("ada").await));
    assert_eq!(ada.ask("{ greeting }").await.body, json!({ "data": { "greeting": "Hello, ada!" } }));
}

#[tokio::test]
async fn another_service_refuses_missing_malformed_foreign_and_expired_tokens() {
    let (app, other) = (server().await, server().await);
    let anonymous = service_of(&app).await;
    let ada = app.signed_in("ada").await;
    let foreign = anonymous.clone().bearing(token(&other.signed_in("ada").await));
    let expired = anonymous.clone().bearing(token(&ada));
    app.wait(HOUR);
    for (client, reason) in [
        (&anonymous, "TOKEN_MISSING"),
        (&anonymous.clone().bearing("garbage"), "TOKEN_MALFORMED"),
        (&foreign, "TOKEN_INVALID"),
        (&expired, "TOKEN_EXPIRED"),
    ] {
        let response = client.ask("{ greeting __typename }").await;
        response.assert_unauthenticated(reason);
        assert_eq!(response.body["data"], json!({ "greeting": null, "__typename": "Query" }));
    }
}

/// The response of the REST route: its status, its challenge, and its body.
async fn notes(client: &Client) -> (u16, String, String) {
    let url = format!("http://{}/notes", client.address());
    let request = reqwest::Client::new().get(url);
    let request = match &client.token {
        Some(_) => request.header("authorization", client.authorization()),
        None => request,
    };
    let response = request.send().await.expect("the service answers");
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().expect("text").to_owned());
    (response.status().as_u16(), challenge.unwrap_or_default(), response.text().await.expect("a body"))
}

#[tokio::test]
async fn a_rest_route_responds_with_the_challenges_of_rfc_6750() {
    let app = server().await;
    let service = service_of(&app).await;
    let ada = app.signed_in("ada").await;
    let reader = app.with_roles("grace", &["reader"]).await;
    let (status, challenge, body) = notes(&service.clone().bearing(token(&reader))).await;
    assert_eq!((status, challenge.as_str(), body), (200, "", format!("the notes of {}", reader.user_id)));

    let code = |body: &str| {
        let body: Value = serde_json::from_str(body).expect("JSON");
        let extensions = &body["errors"][0]["extensions"];
        (extensions["code"].clone(), extensions["reason"].clone(), extensions["requiredScopes"].clone())
    };
    let (status, challenge, body) = notes(&service.clone().bearing(token(&ada))).await;
    let expected = r#"Bearer realm="access tokens", error="insufficient_scope", error_description="The access token lacks the scope notes:read.", scope="notes:read""#;
    assert_eq!((status, challenge.as_str()), (403, expected));
    assert_eq!(code(&body), (json!("FORBIDDEN"), Value::Null, json!([["notes:read"]])));

    let (status, challenge, body) = notes(&service).await;
    assert_eq!((status, challenge.as_str()), (401, r#"Bearer realm="access tokens""#));
    assert_eq!(code(&body), (json!("UNAUTHENTICATED"), json!("TOKEN_MISSING"), Value::Null));

    let expired = service.clone().bearing(token(&ada));
    app.wait(HOUR);
    for (client, reason) in [
        (&service.clone().bearing("garbage"), "TOKEN_MALFORMED"),
        (&service.clone().bearing("a.b.c"), "TOKEN_INVALID"),
        (&expired, "TOKEN_EXPIRED"),
    ] {
        let (status, challenge, body) = notes(client).await;
        let start = r#"Bearer realm="access tokens", error="invalid_token", error_description="The "#;
        assert!(status == 401 && challenge.starts_with(start), "{status} {challenge}");
        assert_eq!(code(&body), (json!("UNAUTHENTICATED"), json!(reason), Value::Null));
    }
}

#[tokio::test]
async fn another_service_refuses_the_tokens_of_sessions_that_it_knows_to_be_revoked() {
    let app = server().await;
    let authenticator = authenticator(&app).await;
    let notes = app.also_serve(service::router(authenticator.clone())).await;
    let (ada, grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    let (at_ada, at_grace) = (notes.clone().bearing(token(&ada)), notes.bearing(token(&grace)));
    at_ada.ask("{ greeting }").await.assert_done();
    let session = ada.session_id.parse().expect("a session id");
    authenticator.revocations.apply(&Change::SessionEnded(session), app.clock().now() + HOUR);
    at_ada.ask("{ greeting }").await.assert_unauthenticated("TOKEN_REVOKED");
    at_grace.ask("{ greeting }").await.assert_done();
}

#[tokio::test]
async fn another_service_accepts_the_first_token_of_a_new_key() {
    let app = server().await;
    let notes = service_of(&app).await;
    for name in ["ada", "grace"] {
        app.app.admin.rotate_keys(None, Activation::Immediate, Actor::Server).await.expect("the key is made");
        app.wait(Duration::from_secs(5));
        let client = notes.clone().bearing(token(&app.signed_in(name).await));
        client.ask("{ greeting }").await.assert_done();
    }
}

#[tokio::test]
async fn another_service_refuses_a_session_that_has_signed_out_within_the_ttl_of_its_status_list() {
    let address = free_address();
    let url = format!("http://{address}");
    let app = TestApp::with(|config| {
        config.http.listen = address;
        config.http.public_url = Some(url.clone());
    })
    .await;
    let builder = Authenticator::builder().issuer(url).audience("portcullis").clock(app.clock());
    let authenticator = builder.check_status(true).build().await.expect("published keys");
    let notes = app.also_serve(service::router(authenticator)).await;
    let (ada, grace) = (app.signed_in("ada").await, app.signed_in("grace").await);
    let (at_ada, at_grace) = (notes.clone().bearing(token(&ada)), notes.bearing(token(&grace)));
    at_ada.ask("{ greeting }").await.assert_done();
    ada.ask("mutation { logout { errors { code } } }").await.assert_done();
    app.wait(app.app.config.tokens.status_list_ttl);
    at_ada.ask("{ greeting }").await.assert_unauthenticated("TOKEN_REVOKED");
    at_grace.ask("{ greeting }").await.assert_done();
}

struct Slow;

#[guarded]
#[Object]
impl Slow {
    /// Takes as long as a token is valid.
    async fn wait(&self, ctx: &Context<'_>) -> Result<Slow> {
        ctx.data::<Clock>()?.advance(HOUR);
        Ok(Slow)
    }

    #[authenticated]
    async fn secret(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(Some(7))
    }
}

#[tokio::test]
async fn a_guard_of_another_service_refuses_a_token_that_expires_during_the_request() {
    let app = server().await;
    let schema = Schema::build(Slow, EmptyMutation, EmptySubscription).data(app.clock()).finish();
    let execute = async move |caller: Caller, token_check: TokenCheck, request: GraphQLRequest| {
        GraphQLResponse::from(schema.execute(request.into_inner().data(caller).data(token_check)).await)
    };
    let router = Router::new().route("/graphql", post(execute)).with_state(authenticator(&app).await);
    let ada = app.also_serve(router).await.bearing(token(&app.signed_in("ada").await));
    let response = ada.ask("{ secret wait { secret } }").await;
    response.assert_unauthenticated("TOKEN_EXPIRED");
    assert_eq!(response.body["data"], json!({ "secret": 7, "wait": { "secret": null } }));
}

#[tokio::test]
async fn a_subscription_of_another_service_delivers_events_until_its_token_expires() {
    let app = server().await;
    let reader = service_of(&app).await.bearing(token(&app.with_roles("grace", &["reader"]).await));
    let mut socket = Socket::open(&reader).await;
    socket.subscribe("1", FOLLOW).await;
    for _ in 0..2 {
        assert_eq!(socket.next("1").await, json!({ "data": { "tick": { "greeting": "Hello, grace!" } } }));
    }
    app.wait(HOUR);
    let mut payload = socket.next("1").await;
    while payload.get("errors").is_none() {
        // This event was sent before the token expired.
        payload = socket.next("1").await;
    }
    assert_eq!(payload["errors"][0]["extensions"]["reason"], "TOKEN_EXPIRED");
    assert!(payload["data"].is_null(), "{payload}");
    assert_eq!(socket.message().await, json!({ "type": "complete", "id": "1" }));
}

#[tokio::test]
async fn a_subscription_of_another_service_requires_scopes() {
    let app = server().await;
    let ada = service_of(&app).await.bearing(token(&app.signed_in("ada").await));
    let mut socket = Socket::open(&ada).await;
    socket.subscribe("1", FOLLOW).await;
    let errors = socket.next("1").await["errors"].clone();
    let extensions = json!({ "code": "FORBIDDEN", "requiredScopes": [["notes:read"]] });
    assert_eq!(errors[0]["extensions"], extensions);
}

#[tokio::test]
async fn a_subscription_of_another_service_without_a_token_is_anonymous() {
    let app = server().await;
    let notes = service_of(&app).await;
    for (payload, reason) in [
        (None, "TOKEN_MISSING"),
        (Some(json!({})), "TOKEN_MISSING"),
        (Some(json!({ "authorization": null })), "TOKEN_MISSING"),
        (Some(json!({ "authorization": "Bearer " })), "TOKEN_MALFORMED"),
    ] {
        let mut socket = Socket::try_open(notes.address(), &[]).await.expect("a WebSocket");
        socket.init(payload).await;
        assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
        socket.subscribe("1", FOLLOW).await;
        let errors = socket.next("1").await["errors"].clone();
        assert_eq!(errors[0]["extensions"], json!({ "code": "UNAUTHENTICATED", "reason": reason }));
    }
}

#[tokio::test]
async fn another_service_closes_a_web_socket_whose_token_is_refused() {
    let app = server().await;
    let notes = service_of(&app).await;
    let ada = app.signed_in("ada").await;
    let (bearer, garbage) = (ada.authorization(), "Bearer a.b.c");
    app.wait(HOUR);
    for (payload, reason) in [
        (json!({ "Authorization": bearer }), "TOKEN_EXPIRED"),
        (json!({ "authorization": garbage }), "TOKEN_INVALID"),
        (json!({ "authorization": garbage, "Authorization": bearer }), "TOKEN_MALFORMED"),
        (json!({ "authorization": 7 }), "TOKEN_MALFORMED"),
        (json!([bearer]), "TOKEN_MALFORMED"),
    ] {
        let mut socket = Socket::try_open(notes.address(), &[]).await.expect("a WebSocket");
        socket.init(Some(payload)).await;
        assert_eq!(socket.closed().await, (1002, reason.to_owned()));
    }
}
