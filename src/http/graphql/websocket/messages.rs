//! The messages of graphql-transport-ws.

use async_graphql::ServerError;
use axum::extract::ws::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{http::graphql::response::ResponseBody, operations::WireRequest};

/// A message of the client.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    /// Starts the connection and carries the access token.
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    /// Asks for a pong.
    Ping {},
    /// Answers a ping.
    Pong {},
    /// Starts an operation.
    Subscribe { id: String, payload: Box<WireRequest> },
    /// Cancels an operation.
    Complete { id: String },
}

/// A message of the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    /// Accepts the connection.
    ConnectionAck,
    /// Answers a ping.
    Pong,
    /// Carries a response to an operation.
    Next { id: &'a str, payload: &'a ResponseBody<'a> },
    /// Reports that the operation was not executed.
    Error { id: &'a str, payload: &'a [ServerError] },
    /// Reports that the operation has completed.
    Complete { id: &'a str },
}

impl ServerMessage<'_> {
    /// The message as a WebSocket message.
    pub(super) fn message(&self) -> Message {
        Message::Text(serde_json::to_string(self).unwrap_or_default().into())
    }
}
