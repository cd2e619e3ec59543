//! A service that verifies the access tokens of Portcullis: GraphQL with guards, and a REST route. It has no database,
//! and uses the crate without the feature `server`:
//!
//! ```sh
//! cargo run                                                                       # Portcullis, on port 4000
//! cargo run --no-default-features --features client --example resource-server    # this service, on port 5000
//! ```

use async_graphql::{Context, EmptyMutation, Object, Result, Schema, Subscription, futures_util, http};
use async_graphql_axum::{GraphQLProtocol, GraphQLRequest, GraphQLResponse, GraphQLWebSocket};
use axum::{Extension, Router, extract, response::Response, routing::get};
use futures_util::{Stream, stream};
use portcullis::{Authenticator, RequiredClaims, TokenCheck, TokenRejection, claims, guarded};
use tokio::{net::TcpListener, time};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The issuer is `http.public_url` of Portcullis.
    let builder = Authenticator::builder().issuer("http://127.0.0.1:4000").audience("portcullis");
    let authenticator = builder.check_status(true).build().await?;
    Ok(axum::serve(TcpListener::bind("127.0.0.1:5000").await?, router(authenticator)).await?)
}

pub(crate) fn router(authenticator: Authenticator) -> Router {
    let schema = Schema::new(Query, EmptyMutation, Events);
    let router = Router::new().route("/graphql", get(websocket).post(graphql)).route("/notes", get(notes));
    router.layer(Extension(schema)).with_state(authenticator)
}

/// Executes a request. The token check has its caller, and refuses a token that expires during the request.
async fn graphql(schema: Extension<Notes>, token: TokenCheck, request: GraphQLRequest) -> GraphQLResponse {
    schema.execute(request.into_inner().data(token)).await.into()
}

/// Opens a WebSocket for subscriptions. The client sends its token in the payload of `connection_init`.
async fn websocket(
    extract::State(authenticator): extract::State<Authenticator>,
    Extension(schema): Extension<Notes>,
    protocol: GraphQLProtocol,
    upgrade: extract::WebSocketUpgrade,
) -> Response {
    upgrade.protocols(http::ALL_WEBSOCKET_PROTOCOLS).on_upgrade(move |socket| {
        GraphQLWebSocket::new(socket, schema, protocol)
            .on_connection_init(async move |payload| authenticator.connection_init(&payload).await)
            .serve()
    })
}

/// The REST route. Without a valid token the response is 401, and without the scope 403.
async fn notes(RequiredClaims(claims): RequiredClaims) -> Result<String, TokenRejection> {
    claims.require_scope("notes:read")?;
    Ok(format!("the notes of {}", claims.sub))
}

type Notes = Schema<Query, EmptyMutation, Events>;

struct Query;

#[guarded]
#[Object]
impl Query {
    /// A greeting for the signed-in user.
    #[authenticated]
    async fn greeting(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(Some(format!("Hello, {}!", claims(ctx)?.username)))
    }
}

struct Events;

#[guarded]
#[Subscription]
impl Events {
    /// An event each second. The guard checks the token again before each.
    #[requires_scopes("notes:read")]
    async fn tick(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Query>> {
        let next = async |mut each: time::Interval| Some((each.tick().await, each));
        let ticks = stream::unfold(time::interval(time::Duration::from_secs(1)), next);
        Ok(futures_util::StreamExt::map(ticks, |_| Query))
    }
}
