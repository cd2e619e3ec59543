use std::{convert::Infallible, ops::ControlFlow, sync::Arc, time::Duration};

use async_graphql::{Executor, Request as GraphqlRequest};
use axum::{
    extract::ws::{Message, WebSocket},
    http::HeaderMap,
};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    messages::{ClientMessage, CloseReason, ServerMessage},
    operations::{Outcome, RunningOperations},
};
use crate::{
    client::ClientInfo,
    graphql::ApiError,
    http::{
        RequestId,
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

/// How long a client may take to say goodbye. What it has sent meanwhile is read, for else the network could
/// take our reason from it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest name of an operation, in bytes: it comes back in reasons, and clients count or use UUIDs.
const MAX_ID_BYTES: usize = 64;

/// How a conversation goes on, or why it ends; without a reason where nobody is there to hear it.
type Flow = ControlFlow<Option<CloseReason>>;

/// What is said through one socket.
pub(super) struct WebSocketConnection<E> {
    endpoint: Arc<Endpoint<E>>,
    socket: WebSocket,
    /// The pass by the token of the upgrade request. `connection_init` takes it or drops it.
    upgrade_pass: Result<StreamCredentials, TokenError>,
    client: ClientInfo,
    request_id: RequestId,
    /// Who is there, once it was said.
    pass: Option<StreamCredentials>,
    /// Held while the socket is open.
    permit: StreamPermit,
    operations: RunningOperations,
    pace: MessageRate,
    /// Whether anything was heard since the last heartbeat.
    is_alive: bool,
}

impl<E: Executor> WebSocketConnection<E> {
    pub(super) fn new(
        endpoint: Arc<Endpoint<E>>,
        socket: WebSocket,
        headers: &HeaderMap,
        client: ClientInfo,
        request_id: RequestId,
        permit: StreamPermit,
    ) -> Self {
        let upgrade_pass = authorization(headers)
            .and_then(|token| StreamCredentials::authenticate(token, &endpoint.authenticator));
        Self {
            endpoint,
            socket,
            upgrade_pass,
            client,
            request_id,
            pass: None,
            permit,
            operations: RunningOperations::default(),
            pace: MessageRate::new(),
            is_alive: true,
        }
    }

    /// Talks until one of both has had enough.
    pub(super) async fn hold(mut self) {
        let why = match self.talk().await {
            ControlFlow::Break(why) => why,
            ControlFlow::Continue(never) => match never {},
        };
        tracing::debug!(?why, "a socket closes");
        if matches!(why, Some(CloseReason::TokenInvalidated(_) | CloseReason::GoingAway)) {
            self.settle().await;
        }
        if let Some(close) = why {
            let farewell = async {
                let closed = self.socket.send(Message::Close(Some(close.frame()))).await;
                while closed.is_ok() && matches!(self.socket.recv().await, Some(Ok(_))) {}
            };
            let _ = timeout(CLOSE_TIMEOUT, farewell).await;
        }
    }

    async fn talk(&mut self) -> ControlFlow<Option<CloseReason>, Infallible> {
        let limits = self.endpoint.streams.limits.clone();
        let closing = self.endpoint.streams.closing.clone();
        let evicted = self.permit.evicted();
        let init_is_due = Instant::now() + limits.init_timeout;
        let mut heartbeat = delayed_interval(limits.heartbeat);
        let mut look = delayed_interval(TOKEN_CHECK_INTERVAL);
        loop {
            tokio::select! {
                () = closing.cancelled() => return ControlFlow::Break(Some(CloseReason::GoingAway)),
                () = evicted.cancelled() => {
                    let reason = "There are http.streams.max_open already, and others have fewer.";
                    return ControlFlow::Break(Some(CloseReason::TryAgainLater(reason)));
                }
                message = self.socket.recv() => {
                    let message = match message {
                        Some(Ok(message)) => message,
                        Some(Err(error)) => return ControlFlow::Break(CloseReason::for_error(error)),
                        None => return ControlFlow::Break(None),
                    };
                    self.hear(message).await?;
                }
                (id, outcome) = self.operations.next() => self.tell(&id, outcome).await?,
                _ = look.tick(), if self.pass.is_some() => self.check_pass()?,
                () = sleep_until(init_is_due), if self.pass.is_none() => {
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

    /// Outcome what was begun while the token counted, such as the mutation that has ended it.
    async fn settle(&mut self) {
        self.operations.end_subscriptions();
        while self.operations.len() > 0 {
            let (id, outcome) = self.operations.next().await;
            if self.tell(&id, outcome).await.is_break() {
                return;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Flow {
        self.is_alive = true;
        if self.pace.count() > self.endpoint.streams.limits.max_messages_per_second {
            return end(CloseReason::RateLimited);
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return ControlFlow::Continue(()),
            Message::Close(_) => {
                // The answer to it (RFC 6455 §5.5.1) is queued, and goes out with the next read.
                let _ = timeout(CLOSE_TIMEOUT, self.socket.recv()).await;
                return ControlFlow::Break(None);
            }
            Message::Binary(_) => return end(CloseReason::Invalid("A message must be text.")),
        };
        let Ok(said) = serde_json::from_str::<ClientMessage>(text.trim_start_matches('\u{feff}')) else {
            return end(CloseReason::Invalid("This is no message of graphql-transport-ws."));
        };
        match said {
            ClientMessage::ConnectionInit { payload } => self.initialise(&payload.unwrap_or_default()).await,
            ClientMessage::Ping {} => self.send(ServerMessage::Pong.message()).await,
            ClientMessage::Pong {} => ControlFlow::Continue(()),
            ClientMessage::Subscribe { id, payload } => self.begin(id, payload.0).await,
            ClientMessage::Complete { id } => {
                self.operations.end(&id);
                ControlFlow::Continue(())
            }
        }
    }

    async fn initialise(&mut self, payload: &Map<String, Value>) -> Flow {
        if self.pass.is_some() {
            return end(CloseReason::TooManyInitRequests);
        }
        let upgrade_pass = std::mem::replace(&mut self.upgrade_pass, Err(TokenError::Missing));
        let pass = match self.identify(payload, upgrade_pass) {
            Ok(pass) => pass,
            Err(rejection) => return end(CloseReason::Forbidden(rejection)),
        };
        if self.endpoint.streams.identify(&mut self.permit, &pass.caller).is_err() {
            return end(CloseReason::TryAgainLater("There are http.streams.max_open_per_session already."));
        }
        self.pass = Some(pass);
        self.send(ServerMessage::ConnectionAck.message()).await
    }

    /// The caller, by the token in the payload, otherwise by that of the upgrade request.
    fn identify(
        &self,
        payload: &Map<String, Value>,
        upgrade_pass: Result<StreamCredentials, TokenError>,
    ) -> Result<StreamCredentials, TokenError> {
        let authenticator = &self.endpoint.authenticator;
        match (payload_authorization(payload)?, upgrade_pass) {
            (Some(value), _) if !is_blank(value) => StreamCredentials::authenticate(value, authenticator),
            (_, Ok(pass)) => pass.check().map(|()| pass),
            (Some(blank), Err(TokenError::Missing)) => StreamCredentials::authenticate(blank, authenticator),
            (None, Err(TokenError::Missing)) => Ok(StreamCredentials::anonymous(TokenError::Missing)),
            (_, Err(rejection)) => Err(rejection),
        }
    }

    fn check_pass(&self) -> Flow {
        match self.pass.as_ref().map(StreamCredentials::check) {
            Some(Err(rejection)) => end(CloseReason::TokenInvalidated(rejection)),
            _ => ControlFlow::Continue(()),
        }
    }

    async fn begin(&mut self, id: String, operation: GraphqlRequest) -> Flow {
        let Some(pass) = &self.pass else { return end(CloseReason::Unauthorized) };
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return end(CloseReason::Invalid("The id of an operation must have 1 to 64 bytes."));
        }
        if self.operations.is_running(&id) {
            return end(CloseReason::SubscriberExists(id));
        }
        self.check_pass()?;
        let most = self.endpoint.streams.limits.max_operations;
        if self.operations.len() >= most {
            return self
                .tell(&id, Outcome::ApiError(ApiError::limit_exceeded("http.streams.max_operations", most)))
                .await;
        }
        let context = RequestContext::for_websocket(pass, self.client.clone());
        let kept = pass.size() + context.size() + self.operations.bytes();
        let fits = |more| self.endpoint.streams.limit_memory(kept + id.len() + more);
        let started = self.endpoint.start(operation, &context).and_then(|started| {
            let (Started::Single(_, bytes) | Started::Subscription(_, bytes)) = &started;
            fits(*bytes).map(|()| started).map_err(|RequestError(_, failure)| failure)
        });
        match started {
            Ok(Started::Subscription(events, bytes)) => self.operations.follow(id, events, bytes),
            Ok(Started::Single(operation, bytes)) => {
                let endpoint = Arc::clone(&self.endpoint);
                let execution = async move {
                    let answer = endpoint.execute(*operation, &context).await;
                    answer.map_or_else(|refusal| Outcome::ApiError(refusal.1), Outcome::GraphqlResponse)
                };
                self.operations.start(id, execution, bytes);
            }
            Err(failure) => return self.tell(&id, Outcome::ApiError(failure)).await,
        }
        ControlFlow::Continue(())
    }

    /// Tells what an operation has come to; who may not hear of events any longer is told why.
    async fn tell(&mut self, id: &str, outcome: Outcome) -> Flow {
        if matches!(outcome, Outcome::Event(_)) {
            self.check_pass()?;
        }
        match outcome {
            Outcome::GraphqlResponse(mut answer) | Outcome::Event(mut answer) => {
                let payload = response::finalize(&mut answer, &self.request_id);
                let message = if payload.data.is_some() {
                    ServerMessage::Next { id, payload: &payload }.message()
                } else {
                    // Nothing was executed, so nothing more comes.
                    self.operations.end(id);
                    ServerMessage::Error { id, payload: payload.errors }.message()
                };
                self.send(message).await
            }
            Outcome::ApiError(failure) => {
                self.operations.end(id);
                let error = response::server_error(failure, &self.request_id);
                self.send(ServerMessage::Error { id, payload: &[error] }.message()).await
            }
            Outcome::Done => {
                self.operations.end(id);
                self.send(ServerMessage::Complete { id }.message()).await
            }
        }
    }

    /// Sends a message, for which the client has a while. Nothing else happens meanwhile, so that no more than
    /// this one waits for a client that does not read.
    async fn send(&mut self, message: Message) -> Flow {
        match timeout(self.endpoint.streams.limits.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(None),
            Err(_) => end(CloseReason::TryAgainLater("The client is slower than http.streams.send_timeout.")),
        }
    }
}

/// How fast messages come.
struct MessageRate {
    since: Instant,
    messages: usize,
}

impl MessageRate {
    fn new() -> Self {
        Self { since: Instant::now(), messages: 0 }
    }

    /// Counts a message; gives how many there are in this second.
    fn count(&mut self) -> usize {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self::new();
        }
        self.messages += 1;
        self.messages
    }
}

fn end(why: CloseReason) -> Flow {
    ControlFlow::Break(Some(why))
}
