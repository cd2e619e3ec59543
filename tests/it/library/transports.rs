//! The checks of operations on the transports of another library: async-graphql-axum over HTTP and over a WebSocket.

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema, http::ALL_WEBSOCKET_PROTOCOLS};
use async_graphql_axum::{GraphQLProtocol, GraphQLRequest, GraphQLResponse, GraphQLWebSocket};
use axum::{
    Router,
    extract::{FromRef, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use portcullis::{
    Authenticator, Caller,
    config::{Config, DocumentPolicy, Introspection},
    operations::OperationChecks,
};
use serde_json::json;

use crate::support::{Client, Socket, TestApp};

struct Mirror;

#[Object]
impl Mirror {
    /// The mirror itself.
    async fn mirror(&self) -> Mirror {
        Mirror
    }
}

type MirrorSchema = Schema<Mirror, EmptyMutation, EmptySubscription>;

#[derive(Clone)]
struct Service {
    schema: MirrorSchema,
    authenticator: Authenticator,
}

impl FromRef<Service> for Authenticator {
    fn from_ref(service: &Service) -> Self {
        service.authenticator.clone()
    }
}

async fn execute(State(service): State<Service>, caller: Caller, request: GraphQLRequest) -> GraphQLResponse {
    service.schema.execute(request.into_inner().data(caller)).await.into()
}

async fn websocket(
    State(service): State<Service>,
    protocol: GraphQLProtocol,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .on_upgrade(move |socket| GraphQLWebSocket::new(socket, service.schema, protocol).serve())
}

/// A client of a schema that async-graphql-axum serves, with the checks of a server of ours.
async fn mirror(app: &TestApp) -> Client {
    let schema = Schema::build(Mirror, EmptyMutation, EmptySubscription)
        .extension(OperationChecks::new(app.app.documents.clone()))
        .finish();
    let router = Router::new()
        .route("/graphql", get(websocket).post(execute))
        .with_state(Service { schema, authenticator: app.app.authenticator.clone() });
    app.also_serve(router).await
}

async fn with(configure: impl FnOnce(&mut Config)) -> (TestApp, Client) {
    let app = TestApp::with(configure).await;
    let client = mirror(&app).await;
    (app, client)
}

#[tokio::test]
async fn limits_of_documents_hold_on_every_transport() {
    let (_app, client) = with(|config| config.graphql.max_depth = 3).await;
    client.ask("{ mirror { mirror { __typename } } }").await.assert_done();
    let too_deep = "{ mirror { mirror { mirror { __typename } } } }";
    assert_eq!(client.ask(too_deep).await.code(), "OPERATION_LIMIT_EXCEEDED");
    let mut socket = Socket::open(&client).await;
    socket.subscribe("1", too_deep).await;
    let refused = socket.next("1").await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "OPERATION_LIMIT_EXCEEDED", "{refused}");
}

#[tokio::test]
async fn ids_of_documents_are_accepted_by_the_configuration_on_every_transport() {
    let (_app, client) = with(|config| config.graphql.documents = DocumentPolicy::InFull).await;
    let by_id = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } } });
    assert_eq!(client.send(&by_id).await.code(), "PERSISTED_QUERY_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_schema_is_shown_to_signed_in_callers_only_on_every_transport() {
    let (app, client) = with(|config| config.graphql.introspection = Introspection::SignedIn).await;
    let introspect = "{ __schema { queryType { name } } }";
    client.ask(introspect).await.assert_unauthenticated("TOKEN_MISSING");
    let ada = app.signed_in("ada").await;
    client.bearing(ada.token.as_deref().expect("ada has signed in")).ask(introspect).await.assert_done();
}
