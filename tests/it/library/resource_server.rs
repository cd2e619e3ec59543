//! A service without a database that verifies the tokens of a server: `examples/resource-server`.

#[path = "../../../examples/resource-server/main.rs"]
#[expect(dead_code, reason = "the tests start the service without its `main`")]
mod service;

use std::time::Duration;

use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Result, Schema};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{Router, routing::post};
use portcullis::{
    audit::Actor,
    changes::Change,
    clock::Clock,
    config::RoleConfig,
    graphql::{TokenCheck, guarded},
    http::Authenticator,
    tokens::{Activation, Caller},
};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Socket, TestApp};

/// The lifetime of an access token.
const HOUR: Duration = Duration::from_hours(1);

const ADD: &str = r#"mutation { addNote(text: "hello") { author text } }"#;
const FOLLOW: &str = "subscription { noteAdded { author text } }";

/// A server with a role that grants the scope of the service.
async fn server() -> TestApp {
    TestApp::with(|config| {
        config.roles.insert("writer".to_owned(), RoleConfig { scopes: vec!["notes:write".to_owned()] });
    })
    .await
}

/// The authenticator of the service, with the published keys of the server.
async fn authenticator(app: &TestApp) -> Authenticator {
    let keys = service::fetch_keys(&app.url("/.well-known/jwks.json")).await.expect("published keys");
    service::authenticator("https://id.example.com", keys, app.clock())
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
    assert_eq!(
        ada.ask("{ greeting service }").await.body,
        json!({
            "data": { "greeting": "Hello, ada!", "service": "notes" }
        })
    );
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
        let response = client.ask("{ greeting service }").await;
        response.assert_unauthenticated(reason);
        assert_eq!(response.body["data"], json!({ "greeting": null, "service": "notes" }));
    }
}

#[tokio::test]
async fn another_service_requires_scopes() {
    let app = server().await;
    let notes = service_of(&app).await;
    let ada = notes.clone().bearing(token(&app.signed_in("ada").await));
    let response = ada.ask(ADD).await;
    response.assert_failed("FORBIDDEN");
    assert_eq!(response.error()["requiredScopes"], json!([["notes:write"]]));
    let grace = notes.bearing(token(&app.with_roles("grace", &["writer"]).await));
    assert_eq!(grace.ask(ADD).await.body["data"]["addNote"], json!({ "author": "grace", "text": "hello" }));
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
async fn another_service_knows_a_new_key_after_it_has_fetched_the_keys_again() {
    let app = server().await;
    let authenticator = authenticator(&app).await;
    let notes = app.also_serve(service::router(authenticator.clone())).await;
    app.app.admin.rotate_keys(None, Activation::Immediate, Actor::Server).await.expect("the key is made");
    app.wait(Duration::from_secs(5));
    let ada = notes.bearing(token(&app.signed_in("ada").await));
    ada.ask("{ greeting }").await.assert_unauthenticated("TOKEN_INVALID");
    let keys = service::fetch_keys(&app.url("/.well-known/jwks.json")).await.expect("published keys");
    authenticator.verifier.replace_keys(keys);
    ada.ask("{ greeting }").await.assert_done();
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

/// Adds a note until the subscriber receives it.
async fn receive(socket: &mut Socket, writer: &Client) -> Value {
    let message = socket.provoke(async || drop(writer.ask(ADD).await)).await;
    assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!("1")), "{message}");
    message["payload"].clone()
}

#[tokio::test]
async fn a_subscription_of_another_service_delivers_events_until_its_token_expires() {
    let app = server().await;
    let notes = service_of(&app).await;
    let mut grace = app.with_roles("grace", &["writer"]).await;
    let mut socket = Socket::open(&notes.clone().bearing(token(&app.signed_in("ada").await))).await;
    socket.subscribe("1", FOLLOW).await;
    let writer = notes.clone().bearing(token(&grace));
    let note = json!({ "author": "grace", "text": "hello" });
    assert_eq!(receive(&mut socket, &writer).await, json!({ "data": { "noteAdded": note } }));

    app.wait(HOUR);
    grace.log_in("grace", PASSWORD).await.assert_done();
    let writer = notes.bearing(token(&grace));
    let mut payload = receive(&mut socket, &writer).await;
    while payload.get("errors").is_none() {
        // This note was added before the token expired.
        payload = receive(&mut socket, &writer).await;
    }
    assert_eq!(payload["errors"][0]["extensions"]["reason"], "TOKEN_EXPIRED");
    assert_eq!(payload["data"], json!({ "noteAdded": { "author": "grace", "text": null } }));
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
