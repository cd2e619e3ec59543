use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, handshake::client::Request},
};

use super::{Answer, Client, PATIENCE, eventually};

/// A WebSocket client for graphql-transport-ws.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

/// An event on a WebSocket connection.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    Message(Value),
    /// The code and the reason with which the server closed the connection.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Lost,
}

impl Client {
    /// The payload of `connection_init`, with the client's access token.
    pub(crate) fn payload(&self) -> Value {
        json!({ "authorization": self.authorization() })
    }
}

impl Socket {
    /// Opens a connection to a server, with additional headers. An empty value removes the header.
    pub(crate) async fn try_open(to: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, Answer> {
        let mut request: Request = format!("ws://{to}/graphql").into_client_request().expect("a URL");
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("text"));
        for (name, value) in headers {
            match *value {
                "" => request.headers_mut().remove(*name),
                value => request.headers_mut().insert(*name, value.parse().expect("a header")),
            };
        }
        let stream = TcpStream::connect(to).await.expect("the server listens");
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => {
                let (parts, body) = response.into_parts();
                let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
                Err(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
            }
            Err(error) => panic!("no socket: {error}"),
        }
    }

    /// Opens a connection and authenticates it with the client's token.
    pub(crate) async fn open(client: &Client) -> Self {
        let mut socket = Self::try_open(client.address(), &[]).await.expect("a socket");
        let payload = client.token.as_ref().map(|_| client.payload());
        socket.init(payload).await;
        assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub(crate) async fn init(&mut self, payload: Option<Value>) {
        self.say(&match payload {
            Some(payload) => json!({ "type": "connection_init", "payload": payload }),
            None => json!({ "type": "connection_init" }),
        })
        .await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a frame of any kind. The server may have closed the connection.
    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.ok();
    }

    /// Starts an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(&json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    /// Repeats `act` until a message arrives, which proves that the subscription is active.
    pub(crate) async fn provoke(&mut self, act: impl AsyncFn()) -> Value {
        let mut first = None;
        eventually(async || {
            act().await;
            first = timeout(Duration::from_millis(100), self.message()).await.ok();
            first.is_some()
        })
        .await;
        first.expect("a message has arrived")
    }

    /// The next event.
    pub(crate) async fn recv(&mut self) -> SocketEvent {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("the server sends something");
            return match message {
                Some(Ok(Message::Text(text))) => {
                    SocketEvent::Message(serde_json::from_str(&text).expect("a JSON object"))
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    SocketEvent::Closed(frame.code.into(), frame.reason.to_string())
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                None | Some(Err(_) | Ok(Message::Close(None))) => SocketEvent::Lost,
                Some(Ok(other)) => panic!("the server sent {other:?}"),
            };
        }
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn message(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            match self.recv().await {
                SocketEvent::Message(message) => message,
                other => panic!("{caller}: a message was expected: {other:?}"),
            }
        }
    }

    /// The next result of an operation.
    pub(crate) async fn next(&mut self, id: &str) -> Value {
        let message = self.message().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!(id)), "{message}");
        message["payload"].clone()
    }

    /// The errors that end an operation.
    pub(crate) async fn error(&mut self, id: &str) -> Value {
        let message = self.message().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
        message["payload"].clone()
    }

    /// The code and the reason with which the server closes the connection. Asserts that this is the next event.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.recv().await {
            SocketEvent::Closed(code, reason) => (code, reason),
            other => panic!("the socket should be closed: {other:?}"),
        }
    }

    /// Asserts that no event arrives for a while.
    pub(crate) async fn assert_silent(&mut self) {
        let heard = timeout(Duration::from_millis(300), self.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}
