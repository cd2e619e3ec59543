use std::{convert::Infallible, ops::ControlFlow, sync::Arc};

use async_graphql::{Executor, Request as GraphqlRequest};
use axum::{
    extract::ws::{Message, WebSocket},
    http::HeaderMap,
};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    close::{CLOSE_TIMEOUT, CloseReason, Flow, close, close_handshake},
    messages::{ClientMessage, ServerMessage},
    operations::{Outcome, RunningOperations},
    rate::MessageRate,
};
use crate::{
    client::ClientInfo,
    graphql::ApiError,
    http::{
        Authenticator, RequestId,
        bearer::{authorization, is_blank},
        connection_init::payload_authorization,
        graphql::{
            context::RequestContext,
            endpoint::Endpoint,
            prepare::Started,
            refusal::RequestError,
            response,
            streams::{StreamCredentials, StreamPermit, TOKEN_CHECK_INTERVAL, delayed_interval},
        },
    },
    tokens::TokenError,
};

/// Maximum length of an operation id, in bytes. Clients use counters or UUIDs. Close reasons repeat the id, and a close
/// frame is small.
const MAX_ID_BYTES: usize = 64;

/// One WebSocket connection.
pub(super) struct WebSocketConnection<E> {
    endpoint: Arc<Endpoint<E>>,
    socket: WebSocket,
    /// The credentials of the upgrade request. `connection_init` uses them or drops them.
    upgrade_credentials: Result<StreamCredentials, TokenError>,
    client: ClientInfo,
    request_id: RequestId,
    /// The credentials of the client, after `connection_init`.
    credentials: Option<StreamCredentials>,
    /// Held while the WebSocket is open.
    permit: StreamPermit,
    operations: RunningOperations,
    message_rate: MessageRate,
    /// Whether a message arrived since the last heartbeat.
    is_alive: bool,
}

impl<E: Executor> WebSocketConnection<E> {
    pub(super) async fn new(
        endpoint: Arc<Endpoint<E>>,
        socket: WebSocket,
        headers: &HeaderMap,
        client: ClientInfo,
        request_id: RequestId,
        permit: StreamPermit,
    ) -> Self {
        let upgrade_credentials = match authorization(headers) {
            Ok(token) => StreamCredentials::authenticate(token, &endpoint.authenticator).await,
            Err(error) => Err(error),
        };
        Self {
            endpoint,
            socket,
            upgrade_credentials,
            client,
            request_id,
            credentials: None,
            permit,
            operations: RunningOperations::default(),
            message_rate: MessageRate::new(),
            is_alive: true,
        }
    }

    /// Runs the connection until either side closes it.
    pub(super) async fn run(mut self) {
        let reason = match self.event_loop().await {
            ControlFlow::Break(reason) => reason,
            ControlFlow::Continue(never) => match never {},
        };
        tracing::debug!(?reason, "WebSocket connection ended");
        if matches!(reason, Some(CloseReason::TokenInvalidated(_) | CloseReason::GoingAway)) {
            self.drain_operations().await;
        }
        if let Some(reason) = &reason {
            close_handshake(self.socket, reason).await;
        }
    }

    async fn event_loop(&mut self) -> ControlFlow<Option<CloseReason>, Infallible> {
        let limits = self.endpoint.streams.limits.clone();
        let shutdown = self.endpoint.streams.shutdown.clone();
        let evicted = self.permit.evicted();
        let init_deadline = Instant::now() + limits.init_timeout;
        let mut heartbeat = delayed_interval(limits.heartbeat);
        let mut token_check = delayed_interval(TOKEN_CHECK_INTERVAL);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return ControlFlow::Break(Some(CloseReason::GoingAway)),
                () = evicted.cancelled() => {
                    let reason = "Too many open streams (http.streams.max_open); other clients have fewer.";
                    return ControlFlow::Break(Some(CloseReason::TryAgainLater(reason)));
                }
                message = self.socket.recv() => {
                    let message = match message {
                        Some(Ok(message)) => message,
                        Some(Err(error)) => return ControlFlow::Break(CloseReason::for_error(error)),
                        None => return ControlFlow::Break(None),
                    };
                    self.on_message(message).await?;
                }
                (id, outcome) = self.operations.next() => self.send_outcome(&id, outcome).await?,
                _ = token_check.tick(), if self.credentials.is_some() => self.check_token()?,
                () = sleep_until(init_deadline), if self.credentials.is_none() => {
                    return ControlFlow::Break(Some(CloseReason::InitTimeout));
                }
                _ = heartbeat.tick() => {
                    if !std::mem::take(&mut self.is_alive) {
                        return ControlFlow::Break(None);
                    }
                    self.send(Message::Ping(axum::body::Bytes::new())).await?;
                }
            }
        }
    }

    /// Sends the responses of queries and mutations that started before the connection ended, such as the mutation that
    /// revoked the token.
    async fn drain_operations(&mut self) {
        self.operations.end_subscriptions();
        while self.operations.len() > 0 {
            let (id, outcome) = self.operations.next().await;
            if self.send_outcome(&id, outcome).await.is_break() {
                return;
            }
        }
    }

    async fn on_message(&mut self, message: Message) -> Flow {
        self.is_alive = true;
        if self.message_rate.count() > self.endpoint.streams.limits.max_messages_per_second {
            return close(CloseReason::RateLimited);
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return ControlFlow::Continue(()),
            Message::Close(_) => {
                // The reply (RFC 6455 §5.5.1) is queued; the next read sends it.
                let _ = timeout(CLOSE_TIMEOUT, self.socket.recv()).await;
                return ControlFlow::Break(None);
            }
            Message::Binary(_) => return close(CloseReason::Invalid("A message must be text.")),
        };
        let Ok(message) = serde_json::from_str::<ClientMessage>(text.trim_start_matches('\u{feff}')) else {
            return close(CloseReason::Invalid("The message is not one of graphql-transport-ws."));
        };
        match message {
            ClientMessage::ConnectionInit { payload } => {
                self.on_connection_init(&payload.unwrap_or_default()).await
            }
            ClientMessage::Ping {} => self.send(ServerMessage::Pong.message()).await,
            ClientMessage::Pong {} => ControlFlow::Continue(()),
            ClientMessage::Subscribe { id, payload } => self.on_subscribe(id, payload.0).await,
            ClientMessage::Complete { id } => {
                self.operations.end(&id);
                ControlFlow::Continue(())
            }
        }
    }

    async fn on_connection_init(&mut self, payload: &Map<String, Value>) -> Flow {
        if self.credentials.is_some() {
            return close(CloseReason::TooManyInitRequests);
        }
        let upgrade_credentials = std::mem::replace(&mut self.upgrade_credentials, Err(TokenError::Missing));
        let authenticator = &self.endpoint.authenticator;
        let credentials = match Self::authenticate(authenticator, payload, upgrade_credentials).await {
            Ok(credentials) => credentials,
            Err(error) => return close(CloseReason::Forbidden(error)),
        };
        if self.endpoint.streams.acquire_for_session(&mut self.permit, &credentials.caller).is_err() {
            let reason = "Too many open streams of this session (http.streams.max_open_per_session).";
            return close(CloseReason::TryAgainLater(reason));
        }
        self.credentials = Some(credentials);
        self.send(ServerMessage::ConnectionAck.message()).await
    }

    /// Authenticates the client by the token in the payload, otherwise by that of the upgrade request.
    async fn authenticate(
        authenticator: &Authenticator,
        payload: &Map<String, Value>,
        upgrade_credentials: Result<StreamCredentials, TokenError>,
    ) -> Result<StreamCredentials, TokenError> {
        match (payload_authorization(payload)?, upgrade_credentials) {
            (Some(value), upgraded) if !is_blank(value) || matches!(upgraded, Err(TokenError::Missing)) => {
                StreamCredentials::authenticate(value, authenticator).await
            }
            (_, Ok(credentials)) => credentials.verify().map(|()| credentials),
            (None, Err(TokenError::Missing)) => Ok(StreamCredentials::anonymous(TokenError::Missing)),
            (_, Err(error)) => Err(error),
        }
    }

    fn check_token(&self) -> Flow {
        match self.credentials.as_ref().map(StreamCredentials::verify) {
            Some(Err(error)) => close(CloseReason::TokenInvalidated(error)),
            _ => ControlFlow::Continue(()),
        }
    }

    async fn on_subscribe(&mut self, id: String, operation: GraphqlRequest) -> Flow {
        let Some(credentials) = &self.credentials else { return close(CloseReason::Unauthorized) };
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return close(CloseReason::Invalid("The id of an operation must have 1 to 64 bytes."));
        }
        if self.operations.is_running(&id) {
            return close(CloseReason::SubscriberExists(id));
        }
        self.check_token()?;
        let max = self.endpoint.streams.limits.max_operations;
        if self.operations.len() >= max {
            let error = ApiError::limit_exceeded("http.streams.max_operations", max);
            return self.send_outcome(&id, Outcome::Rejected(error)).await;
        }
        let context = RequestContext::for_websocket(credentials, self.client.clone());
        let held = context.size() + self.operations.bytes();
        let fits = |more| self.endpoint.streams.limit_memory(held + id.len() + more);
        let started = self.endpoint.start(operation, &context).and_then(|started| {
            let (Started::Single(_, bytes) | Started::Subscription(_, bytes)) = &started;
            fits(*bytes).map(|()| started).map_err(|RequestError(_, error)| error)
        });
        match started {
            Ok(Started::Subscription(events, bytes)) => self.operations.subscribe(id, events, bytes),
            Ok(Started::Single(operation, bytes)) => {
                let endpoint = Arc::clone(&self.endpoint);
                let execution = async move {
                    let executed = endpoint.execute(*operation, &context).await;
                    executed.map_or_else(|RequestError(_, error)| Outcome::Rejected(error), Outcome::Response)
                };
                self.operations.start(id, execution, bytes);
            }
            Err(error) => return self.send_outcome(&id, Outcome::Rejected(error)).await,
        }
        ControlFlow::Continue(())
    }

    /// Sends an outcome of an operation. Before an event, the token is checked again: events that happen after it was
    /// revoked are not sent.
    async fn send_outcome(&mut self, id: &str, outcome: Outcome) -> Flow {
        if matches!(outcome, Outcome::Event(_)) {
            self.check_token()?;
        }
        match outcome {
            Outcome::Response(mut response) | Outcome::Event(mut response) => {
                let payload = response::finalize(&mut response, &self.request_id);
                let message = if payload.data.is_some() {
                    ServerMessage::Next { id, payload: &payload }.message()
                } else {
                    // The operation was not executed; `error` is its last message.
                    self.operations.end(id);
                    ServerMessage::Error { id, payload: payload.errors }.message()
                };
                self.send(message).await
            }
            Outcome::Rejected(error) => {
                self.operations.end(id);
                let error = response::server_error(error, &self.request_id);
                self.send(ServerMessage::Error { id, payload: &[error] }.message()).await
            }
            Outcome::Complete => {
                self.operations.end(id);
                self.send(ServerMessage::Complete { id }.message()).await
            }
        }
    }

    /// Sends a message within `http.streams.send_timeout`. Nothing else runs meanwhile, so at most one message is
    /// buffered for a client that does not read (back-pressure).
    async fn send(&mut self, message: Message) -> Flow {
        match timeout(self.endpoint.streams.limits.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(None),
            Err(_) => {
                close(CloseReason::TryAgainLater("The client read too slowly (http.streams.send_timeout)."))
            }
        }
    }
}
