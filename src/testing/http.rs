use std::net::SocketAddr;

use axum::{
    body::Body,
    http::{
        Request,
        header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
    },
};
use http_body_util::BodyExt;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Posts JSON and returns the JSON of the response.
pub(super) async fn post(address: SocketAddr, path: &str, token: Option<&str>, body: &Value) -> Value {
    let mut request = Request::post(path)
        .header(HOST, address.to_string())
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::from(body.to_string())).expect("the request is valid");
    let stream = TcpStream::connect(address).await.expect("the server accepts connections");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("the server speaks HTTP");
    // The connection ends when the sender is dropped.
    let send = async move {
        let response = sender.send_request(request).await.expect("the server responds");
        response.into_body().collect().await.expect("the response is complete").to_bytes()
    };
    let (connection, bytes) = tokio::join!(connection, send);
    connection.expect("the connection ends in order");
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&bytes)))
}
