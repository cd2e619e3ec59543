//! Closing a WebSocket: the reasons and their codes, and the closing handshake.

use std::{borrow::Cow, ops::ControlFlow, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::timeout;

use crate::tokens::TokenError;

/// Timeout for the closing handshake.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the connection goes on, or why it ends. The reason is `None` if the client is gone.
pub(super) type Flow = ControlFlow<Option<CloseReason>>;

/// Ends the connection for this reason.
pub(super) fn close(reason: CloseReason) -> Flow {
    ControlFlow::Break(Some(reason))
}

/// Sends the close frame and waits for that of the client. Incoming data is drained meanwhile: closing with unread data
/// would reset the TCP connection and lose the close reason.
pub(super) async fn close_handshake(mut socket: WebSocket, reason: &CloseReason) {
    let handshake = async {
        let sent = socket.send(Message::Close(Some(reason.frame()))).await;
        while sent.is_ok() && matches!(socket.recv().await, Some(Ok(_))) {}
    };
    let _ = timeout(CLOSE_TIMEOUT, handshake).await;
}

/// The reason for which the server closes a WebSocket.
#[derive(Clone, Debug)]
pub(super) enum CloseReason {
    /// The server is shutting down.
    GoingAway,
    /// The client violated the WebSocket protocol.
    ProtocolError,
    /// A message is larger than `http.max_body_bytes`.
    MessageTooBig,
    /// The client exceeded `http.streams.max_messages_per_second`.
    RateLimited,
    /// Too many WebSockets are open, or the client reads too slowly.
    TryAgainLater(&'static str),
    /// A message violates graphql-transport-ws.
    Invalid(&'static str),
    /// The token has expired or was revoked.
    TokenInvalidated(TokenError),
    /// A `subscribe` came before `connection_init`.
    Unauthorized,
    /// The token of `connection_init` is invalid.
    Forbidden(TokenError),
    /// No `connection_init` came in time.
    InitTimeout,
    /// An operation with this id is still running.
    SubscriberExists(String),
    /// The client sent a second `connection_init`.
    TooManyInitRequests,
}

impl CloseReason {
    /// The reason for an error while reading. `None` if the client is gone.
    pub(super) fn for_error(error: axum::Error) -> Option<Self> {
        match error.into_inner().downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => Some(Self::MessageTooBig),
            Some(tungstenite::Error::Utf8(_)) => Some(Self::Invalid("A message must be UTF-8.")),
            Some(tungstenite::Error::Protocol(_)) => Some(Self::ProtocolError),
            _ => None,
        }
    }

    /// The close frame: the code (RFC 6455 §7.4; from 4400 on, of graphql-transport-ws) and the reason.
    pub(super) fn frame(&self) -> CloseFrame {
        let (code, reason): (u16, Cow<'_, str>) = match self {
            Self::GoingAway => (1001, "The server is shutting down.".into()),
            Self::ProtocolError => (1002, "Protocol error".into()),
            Self::MessageTooBig => (1009, "A message exceeds http.max_body_bytes.".into()),
            Self::RateLimited => (1008, "The client exceeded http.streams.max_messages_per_second.".into()),
            Self::TryAgainLater(reason) => (1013, (*reason).into()),
            Self::Invalid(reason) => (4400, (*reason).into()),
            Self::TokenInvalidated(error) => (4401, <&str>::from(error).into()),
            Self::Unauthorized => (4401, "Unauthorized".into()),
            Self::Forbidden(error) => (4403, <&str>::from(error).into()),
            Self::InitTimeout => (4408, "Connection initialisation timeout".into()),
            Self::SubscriberExists(id) => (4409, format!("Subscriber for {id} already exists").into()),
            Self::TooManyInitRequests => (4429, "Too many initialisation requests".into()),
        };
        CloseFrame { code, reason: reason.as_ref().into() }
    }
}
