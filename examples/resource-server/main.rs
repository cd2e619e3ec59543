//! A service that verifies the access tokens of Portcullis and serves a GraphQL schema of its own. It has no database
//! and uses the crate without the feature `server`:
//!
//! ```sh
//! cargo run                                                     # Portcullis, on port 4000
//! cargo run --no-default-features --example resource-server     # this service, on port 5000
//! ```

use std::{error::Error, net::Ipv4Addr, sync::Arc, time::Duration};

use async_graphql::{
    Context, Object, Result, Schema, Subscription,
    futures_util::{Stream, stream},
    http::ALL_WEBSOCKET_PROTOCOLS,
};
use async_graphql_axum::{GraphQLProtocol, GraphQLRequest, GraphQLResponse, GraphQLWebSocket};
use axum::{
    Router,
    extract::{FromRef, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use portcullis::{
    changes::RevocationList,
    clock::Clock,
    graphql::{TokenCheck, caller, guarded},
    http::Authenticator,
    tokens::{Caller, JwkSet, VerificationKeys, Verifier, VerifierConfig},
};
use tokio::{net::TcpListener, sync::broadcast, time::sleep};
use tower_http::limit::RequestBodyLimitLayer;

/// The URL of Portcullis (`http.public_url`).
const ISSUER: &str = "http://127.0.0.1:4000";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let jwks_url = format!("{ISSUER}/.well-known/jwks.json");
    let authenticator = authenticator(ISSUER, fetch_keys(&jwks_url).await?, Clock::system());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 5000)).await?;
    let verifier = Arc::clone(&authenticator.verifier);
    tokio::select! {
        served = axum::serve(listener, router(authenticator)).into_future() => Ok(served?),
        () = renew_keys(&jwks_url, &verifier) => Ok(()),
    }
}

/// Fetches the verification keys that Portcullis publishes.
pub(crate) async fn fetch_keys(jwks_url: &str) -> Result<VerificationKeys, Box<dyn Error>> {
    let jwks: JwkSet = reqwest::get(jwks_url).await?.error_for_status()?.json().await?;
    Ok(VerificationKeys::from_jwks(&jwks)?)
}

/// Fetches the keys again every hour. Portcullis publishes a key one day before its first use.
async fn renew_keys(jwks_url: &str, verifier: &Verifier) {
    loop {
        sleep(Duration::from_hours(1)).await;
        if let Ok(keys) = fetch_keys(jwks_url).await {
            verifier.replace_keys(keys);
        }
    }
}

/// Builds the authenticator for tokens of this issuer.
pub(crate) fn authenticator(issuer: &str, keys: VerificationKeys, clock: Clock) -> Authenticator {
    let config = VerifierConfig {
        issuer: Some(issuer.to_owned()),
        audience: "portcullis".to_owned(),
        clock_skew: Duration::from_secs(30),
        max_lifetime: Duration::from_hours(24),
    };
    // The service may fill this list from events of its own, such as a message that a session has ended.
    let revocations = Arc::new(RevocationList::default());
    Authenticator { verifier: Arc::new(Verifier::new(&config, keys, clock)), revocations }
}

type NoteSchema = Schema<Query, Mutation, Notes>;

/// The state of the handlers.
#[derive(Clone)]
struct Service {
    schema: NoteSchema,
    authenticator: Authenticator,
}

/// Gives the extractors [`Caller`] and [`TokenCheck`] their authenticator.
impl FromRef<Service> for Authenticator {
    fn from_ref(service: &Service) -> Self {
        service.authenticator.clone()
    }
}

/// Builds the route of the service: GraphQL over HTTP, and over a WebSocket for subscriptions.
pub(crate) fn router(authenticator: Authenticator) -> Router {
    let (added, _) = broadcast::channel::<Note>(64);
    let schema = Schema::build(Query, Mutation, Notes).data(added).limit_depth(8).finish();
    Router::new()
        .route("/graphql", get(websocket).post(graphql))
        .layer(RequestBodyLimitLayer::new(64 * 1024))
        .with_state(Service { schema, authenticator })
}

/// Executes a request with its caller. The token check lets a guard refuse a token that expires during the request.
async fn graphql(
    State(service): State<Service>,
    caller: Caller,
    token_check: TokenCheck,
    request: GraphQLRequest,
) -> GraphQLResponse {
    service.schema.execute(request.into_inner().data(caller).data(token_check)).await.into()
}

/// Opens a WebSocket for subscriptions. The client sends its token in the payload of `connection_init`.
async fn websocket(
    State(service): State<Service>,
    protocol: GraphQLProtocol,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.protocols(ALL_WEBSOCKET_PROTOCOLS).on_upgrade(move |socket| {
        GraphQLWebSocket::new(socket, service.schema, protocol)
            .on_connection_init(move |payload| async move { service.authenticator.connection_init(&payload) })
            .serve()
    })
}

struct Query;

#[guarded]
#[Object]
impl Query {
    /// A greeting for the signed-in user.
    #[authenticated]
    async fn greeting(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(caller(ctx).claims().map(|claims| format!("Hello, {}!", claims.username)))
    }

    /// The name of this service. Requires no token.
    async fn service(&self) -> &str {
        "notes"
    }
}

struct Mutation;

#[guarded]
#[Object]
impl Mutation {
    /// Publishes a note to all subscribers.
    #[requires_scopes("notes:write")]
    async fn add_note(&self, ctx: &Context<'_>, text: String) -> Result<Option<Note>> {
        let author = caller(ctx).claims().map(|claims| claims.username.clone()).unwrap_or_default();
        let note = Note { author, text };
        // An error only means that there are no subscribers.
        let _ = ctx.data::<broadcast::Sender<Note>>()?.send(note.clone());
        Ok(Some(note))
    }
}

struct Notes;

#[guarded]
#[Subscription]
impl Notes {
    /// Notes as they are added.
    #[authenticated]
    async fn note_added(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Note>> {
        let added = ctx.data::<broadcast::Sender<Note>>()?.subscribe();
        let next =
            |mut added: broadcast::Receiver<Note>| async move { Some((added.recv().await.ok()?, added)) };
        Ok(stream::unfold(added, next))
    }
}

#[derive(Clone)]
struct Note {
    author: String,
    text: String,
}

#[guarded]
#[Object]
impl Note {
    /// The username of the author.
    async fn author(&self) -> &str {
        &self.author
    }

    /// The text of the note. A guard on a field of an event checks the token of the subscription for each event.
    #[authenticated]
    async fn text(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(Some(self.text.as_str()))
    }
}
