//! The limit of the benchmark: a bare axum server that parses the JSON body and returns a body of a given size.
//!
//! `peer-axum-bare PORT`

use std::{error::Error, net::Ipv4Addr};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;

/// The size of the largest response, bytes.
const MAX_BYTES: usize = 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: peer-axum-bare PORT")?.parse()?;
    let app = Router::new()
        .route("/readyz", get(StatusCode::OK))
        .route("/body/{bytes}", post(respond))
        .with_state(Bytes::from(vec![b'x'; MAX_BYTES]));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn respond(
    State(body): State<Bytes>,
    Path(bytes): Path<usize>,
    Json(request): Json<Value>,
) -> Response {
    if bytes > body.len() || request["query"].as_str().is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    ([(CONTENT_TYPE, "application/json")], body.slice(..bytes)).into_response()
}
