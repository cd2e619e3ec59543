//! GraphQL over a WebSocket: the protocol graphql-transport-ws.
//!
//! A client authenticates in `connection_init`, or by the Authorization header of the upgrade request; without a token
//! it is anonymous. Cookies are ignored, because any page can open a WebSocket to this server and the browser sends
//! the cookies along (cross-site WebSocket hijacking). The WebSocket is closed when its token expires or is revoked.
//!
//! `async_graphql_axum::GraphQLWebSocket` cannot replace this module (8.0.0-rc.5):
//! - Its close codes are not those of the protocol: 1002 for a message that is not JSON (4400) and for a rejected
//!   `connection_init` (4403), 1011 for an operation before `connection_init` (4401).
//! - A second operation with the id of a running one replaces it silently (4409).
//! - It has no timeout for `connection_init` (4408) or for a send, and no limit on messages, operations and memory.
//! - It sends request errors as `next`, not as `error`, and accepts the legacy protocol graphql-ws as well.
//! - It stays open after the token has expired, and a closed connection cancels a mutation that is being executed.

mod close;
mod connection;
mod messages;
mod operations;
mod rate;

use std::{net::SocketAddr, sync::Arc};

use async_graphql::Executor;
use axum::{
    extract::{FromRequestParts, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, StatusCode, header::UPGRADE, request::Parts},
    response::Response,
};
use tracing::Instrument;

use self::connection::WebSocketConnection;
use super::{endpoint::Endpoint, refusal::RequestError};
use crate::{
    graphql::{ApiError, ErrorCode},
    http::RequestId,
};

/// The name of the subprotocol, in the header Sec-WebSocket-Protocol.
const PROTOCOL: &str = "graphql-transport-ws";

/// Size of the read and of the write buffer. The defaults of Tungstenite suit fewer and busier WebSockets.
const BUFFER_BYTES: usize = 4 * 1024;

/// Whether the request is a WebSocket upgrade (RFC 6455 §4.1).
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Upgrades the request to a WebSocket connection.
pub(super) async fn upgrade<E: Executor>(
    endpoint: Arc<Endpoint<E>>,
    peer: SocketAddr,
    mut parts: Parts,
    request_id: RequestId,
) -> Result<Response, RequestError> {
    let bad = |message: String| RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input(message));
    if endpoint.origins.is_cross_origin(&parts) {
        let message =
            "The origin of the page is not in http.cors_origins, so the page cannot open a WebSocket.";
        return Err(RequestError(StatusCode::FORBIDDEN, ApiError::new(ErrorCode::Forbidden, message)));
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = upgrade.map_err(|error| bad(format!("Invalid WebSocket upgrade request: {error}.")))?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(bad(format!("The subprotocol is {PROTOCOL}. Request it in Sec-WebSocket-Protocol.")));
    }
    let client = endpoint.proxies.client(peer, &parts.headers);
    let permit = endpoint.streams.acquire(client.address, &parts.extensions)?;
    let max_bytes = endpoint.http.max_body_bytes;
    let upgrade = upgrade
        .max_message_size(max_bytes)
        .max_frame_size(max_bytes)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    let tasks = endpoint.tasks.clone();
    let serve = async move |socket: WebSocket| {
        let headers = &parts.headers;
        WebSocketConnection::new(endpoint, socket, headers, client, request_id, permit).await.run().await;
    };
    let span = tracing::Span::current();
    Ok(upgrade.on_upgrade(move |socket| tasks.track_future(serve(socket).instrument(span))))
}
