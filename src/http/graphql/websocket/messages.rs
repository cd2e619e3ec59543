//! The messages of graphql-transport-ws, and the codes with which a socket is closed.

use std::borrow::Cow;

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{http::graphql::response::ResponseBody, operations::WireRequest, tokens::TokenError};

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    /// Who it is.
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    /// Whether we are there.
    Ping {},
    /// That it is.
    Pong {},
    /// What it wants.
    Subscribe { id: String, payload: Box<WireRequest> },
    /// That it wants no more of that.
    Complete { id: String },
}

/// What we say.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    /// Who it says it is, it is.
    ConnectionAck,
    /// We are there.
    Pong,
    /// An answer to what it wanted.
    Next { id: &'a str, payload: &'a ResponseBody<'a> },
    /// It cannot be had.
    Error { id: &'a str, payload: &'a [ServerError] },
    /// There is no more.
    Complete { id: &'a str },
}

impl ServerMessage<'_> {
    pub(super) fn message(&self) -> Message {
        Message::Text(serde_json::to_string(self).unwrap_or_default().into())
    }
}

/// Why a socket is closed.
#[derive(Clone, Debug)]
pub(super) enum CloseReason {
    /// The server stops.
    GoingAway,
    /// What came is not of WebSocket.
    ProtocolError,
    /// A message is larger than `http.max_body_bytes`.
    MessageTooBig,
    /// Too many messages in a second.
    RateLimited,
    /// Too many sockets, or a client that does not read.
    TryAgainLater(&'static str),
    /// What was said is not of the protocol.
    Invalid(&'static str),
    /// The token counts no more.
    TokenInvalidated(TokenError),
    /// Something was wanted before it was said who wants it.
    Unauthorized,
    /// The token does not count.
    Forbidden(TokenError),
    /// Nobody said who is there.
    InitTimeout,
    /// An operation of this id is still running.
    SubscriberExists(String),
    /// It was said twice who is there.
    TooManyInitRequests,
}

impl CloseReason {
    /// Why a socket is closed from which no more can be read; nothing where nobody is there.
    pub(super) fn for_error(error: axum::Error) -> Option<Self> {
        match error.into_inner().downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => Some(Self::MessageTooBig),
            Some(tungstenite::Error::Utf8(_)) => Some(Self::Invalid("A message must be UTF-8.")),
            Some(tungstenite::Error::Protocol(_)) => Some(Self::ProtocolError),
            _ => None,
        }
    }

    /// The code (RFC 6455 §7.4, and those of graphql-transport-ws from 4400 on) and the reason.
    pub(super) fn frame(&self) -> CloseFrame {
        let (code, reason): (u16, Cow<'_, str>) = match self {
            Self::GoingAway => (1001, "The server stops.".into()),
            Self::ProtocolError => (1002, "Protocol error".into()),
            Self::MessageTooBig => (1009, "A message exceeds http.max_body_bytes.".into()),
            Self::RateLimited => (1008, "Messages exceed http.streams.max_messages_per_second.".into()),
            Self::TryAgainLater(reason) => (1013, (*reason).into()),
            Self::Invalid(reason) => (4400, (*reason).into()),
            Self::TokenInvalidated(rejection) => (4401, rejection.as_str().into()),
            Self::Unauthorized => (4401, "Unauthorized".into()),
            Self::Forbidden(rejection) => (4403, rejection.as_str().into()),
            Self::InitTimeout => (4408, "Connection initialisation timeout".into()),
            Self::SubscriberExists(id) => (4409, format!("Subscriber for {id} already exists").into()),
            Self::TooManyInitRequests => (4429, "Too many initialisation requests".into()),
        };
        CloseFrame { code, reason: reason.as_ref().into() }
    }
}
