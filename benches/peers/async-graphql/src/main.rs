//! A server of the benchmark: async-graphql with async-graphql-axum, jsonwebtoken and sqlx, written the obvious way.
//!
//! `peer-async-graphql PORT ACCOUNTS DATABASE`: ACCOUNTS is the file of accounts, one JSON object on each line.

mod accounts;
mod schema;
mod tokens;

use std::{error::Error, net::Ipv4Addr, sync::Arc};

use async_graphql::{EmptySubscription, Schema};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::{get, post},
};
use serde_json::Value;

use self::{
    accounts::Accounts,
    schema::{Mutation, Query},
    tokens::Tokens,
};

/// The state of all handlers.
#[derive(Clone)]
struct App {
    schema: Schema<Query, Mutation, EmptySubscription>,
    tokens: Arc<Tokens>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, file, database] = arguments.as_slice() else {
        return Err("usage: peer-async-graphql PORT ACCOUNTS DATABASE".into());
    };
    let accounts = Accounts::open(database, file).await?;
    let tokens = Arc::new(Tokens::generate()?);
    let schema =
        Schema::build(Query, Mutation, EmptySubscription).data(accounts).data(Arc::clone(&tokens)).finish();
    let app = Router::new()
        .route("/readyz", get(StatusCode::OK))
        .route("/graphql", post(graphql))
        .route("/.well-known/jwks.json", get(jwks))
        .with_state(App { schema, tokens });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

/// Executes a request. An invalid token makes the caller anonymous.
async fn graphql(State(app): State<App>, headers: HeaderMap, request: GraphQLRequest) -> GraphQLResponse {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let caller = token.and_then(|token| app.tokens.verify_access(token));
    app.schema.execute(request.into_inner().data(caller)).await.into()
}

async fn jwks(State(app): State<App>) -> Json<Value> {
    Json(app.tokens.jwks())
}
