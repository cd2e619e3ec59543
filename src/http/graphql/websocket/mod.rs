//! GraphQL over a WebSocket: the protocol graphql-transport-ws.
//!
//! The client says who it is in `connection_init`, or in the Authorization header of the request for the socket;
//! who says nothing is anonymous. Cookies do not count: any page can open a socket here, and browsers send
//! them along. The token must count for as long as the socket is open.
//!
//! `async_graphql_axum::GraphQLWebSocket` cannot replace this module (8.0.0-rc.5):
//! - Its close codes are not those of the protocol: 1002 for a message that is not JSON (4400) and for a rejected
//!   `connection_init` (4403), 1011 for an operation before `connection_init` (4401).
//! - A second operation with the id of a running one replaces it silently (4409).
//! - It has no timeout for `connection_init` (4408) or for a send, and no limit on messages, operations and memory.
//! - It sends request errors as `next`, not as `error`, and accepts the legacy protocol graphql-ws as well.
//! - It stays open after the token has expired, and a closed connection cancels a mutation that is being executed.

mod connection;
mod messages;
mod operations;

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

/// The name of the protocol, as clients ask for it.
const PROTOCOL: &str = "graphql-transport-ws";

/// How much a socket reads or writes at once. Tungstenite's own buffers are for fewer and busier sockets.
const BUFFER_BYTES: usize = 4 * 1024;

/// Whether a request asks for a socket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Opens a socket, unless it is refused.
pub(super) async fn upgrade<E: Executor>(
    endpoint: Arc<Endpoint<E>>,
    peer: SocketAddr,
    mut parts: Parts,
    request_id: RequestId,
) -> Result<Response, RequestError> {
    let bad = |message: String| RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input(message));
    if endpoint.origins.is_cross_origin(&parts) {
        let message = "A page of an origin that is not in http.cors_origins cannot open a socket.";
        return Err(RequestError(StatusCode::FORBIDDEN, ApiError::new(ErrorCode::Forbidden, message)));
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = upgrade.map_err(|error| bad(format!("This is no request for a socket: {error}.")))?;
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(bad(format!("A socket here speaks {PROTOCOL}: ask for it in Sec-WebSocket-Protocol.")));
    }
    let client = endpoint.proxies.client(peer, &parts.headers);
    let permit = endpoint.streams.acquire(client.address, &parts.extensions)?;
    let most = endpoint.http.max_body_bytes;
    let upgrade = upgrade
        .max_message_size(most)
        .max_frame_size(most)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    let tasks = endpoint.tasks.clone();
    let talk = move |socket: WebSocket| {
        let conversation =
            WebSocketConnection::new(endpoint, socket, &parts.headers, client, request_id, permit);
        conversation.hold()
    };
    let span = tracing::Span::current();
    Ok(upgrade.on_upgrade(move |socket| tasks.track_future(talk(socket).instrument(span))))
}
