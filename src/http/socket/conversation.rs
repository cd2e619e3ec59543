use std::{convert::Infallible, ops::ControlFlow, sync::Arc, time::Duration};

use async_graphql::{Executor, Request as Operation};
use axum::{
    extract::ws::{Message, WebSocket},
    http::HeaderMap,
};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    operations::{Operations, Outcome},
    protocol::{Close, Said, Say},
};
use crate::{
    client::ClientInfo,
    graphql::ApiError,
    http::{
        RequestId,
        asker::Asker,
        bearer::{authorization, is_blank},
        connection_init::payload_authorization,
        endpoint::{Endpoint, Started},
        request::Refusal,
        respond,
        streams::{LOOK_EVERY, Pass, StreamPermit, every},
    },
    tokens::TokenError,
};

/// How long a client may take to say goodbye. What it has sent meanwhile is read, for else the network could
/// take our reason from it.
const GOODBYE: Duration = Duration::from_secs(1);

/// The longest name of an operation, in bytes: it comes back in reasons, and clients count or use UUIDs.
const MAX_ID_BYTES: usize = 64;

/// How a conversation goes on, or why it ends; without a reason where nobody is there to hear it.
type Turn = ControlFlow<Option<Close>>;

/// What is said through one socket.
pub(super) struct Conversation<E> {
    endpoint: Arc<Endpoint<E>>,
    socket: WebSocket,
    /// The pass by the token of the upgrade request. `connection_init` takes it or drops it.
    upgrade_pass: Result<Pass, TokenError>,
    client: ClientInfo,
    request_id: RequestId,
    /// Who is there, once it was said.
    pass: Option<Pass>,
    /// Held while the socket is open.
    permit: StreamPermit,
    operations: Operations,
    pace: Pace,
    /// Whether anything was heard since the last heartbeat.
    is_alive: bool,
}

impl<E: Executor> Conversation<E> {
    pub(super) fn new(
        endpoint: Arc<Endpoint<E>>,
        socket: WebSocket,
        headers: &HeaderMap,
        client: ClientInfo,
        request_id: RequestId,
        permit: StreamPermit,
    ) -> Self {
        let upgrade_pass = authorization(headers).and_then(|token| Pass::of(token, &endpoint.gate));
        Self {
            endpoint,
            socket,
            upgrade_pass,
            client,
            request_id,
            pass: None,
            permit,
            operations: Operations::default(),
            pace: Pace::new(),
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
        if matches!(why, Some(Close::Void(_) | Close::GoingAway)) {
            self.settle().await;
        }
        if let Some(close) = why {
            let farewell = async {
                let closed = self.socket.send(Message::Close(Some(close.frame()))).await;
                while closed.is_ok() && matches!(self.socket.recv().await, Some(Ok(_))) {}
            };
            let _ = timeout(GOODBYE, farewell).await;
        }
    }

    async fn talk(&mut self) -> ControlFlow<Option<Close>, Infallible> {
        let limits = self.endpoint.streams.limits.clone();
        let closing = self.endpoint.streams.closing.clone();
        let evicted = self.permit.evicted();
        let init_is_due = Instant::now() + limits.init_timeout;
        let mut heartbeat = every(limits.heartbeat);
        let mut look = every(LOOK_EVERY);
        loop {
            tokio::select! {
                () = closing.cancelled() => return ControlFlow::Break(Some(Close::GoingAway)),
                () = evicted.cancelled() => {
                    let reason = "There are http.streams.max_open already, and others have fewer.";
                    return ControlFlow::Break(Some(Close::TryAgainLater(reason)));
                }
                message = self.socket.recv() => {
                    let message = match message {
                        Some(Ok(message)) => message,
                        Some(Err(error)) => return ControlFlow::Break(Close::for_error(error)),
                        None => return ControlFlow::Break(None),
                    };
                    self.hear(message).await?;
                }
                (id, outcome) = self.operations.next() => self.tell(&id, outcome).await?,
                _ = look.tick(), if self.pass.is_some() => self.check_pass()?,
                () = sleep_until(init_is_due), if self.pass.is_none() => {
                    return ControlFlow::Break(Some(Close::InitTimeout));
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

    /// Answers what was begun while the token counted, such as the mutation that has ended it.
    async fn settle(&mut self) {
        self.operations.end_subscriptions();
        while self.operations.len() > 0 {
            let (id, outcome) = self.operations.next().await;
            if self.tell(&id, outcome).await.is_break() {
                return;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Turn {
        self.is_alive = true;
        if self.pace.count() > self.endpoint.streams.limits.max_messages_per_second {
            return end(Close::TooFast);
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return ControlFlow::Continue(()),
            Message::Close(_) => {
                // The answer to it (RFC 6455 §5.5.1) is queued, and goes out with the next read.
                let _ = timeout(GOODBYE, self.socket.recv()).await;
                return ControlFlow::Break(None);
            }
            Message::Binary(_) => return end(Close::Invalid("A message must be text.")),
        };
        let Ok(said) = serde_json::from_str::<Said>(text.trim_start_matches('\u{feff}')) else {
            return end(Close::Invalid("This is no message of graphql-transport-ws."));
        };
        match said {
            Said::ConnectionInit { payload } => self.initialise(&payload.unwrap_or_default()).await,
            Said::Ping {} => self.send(Say::Pong.message()).await,
            Said::Pong {} => ControlFlow::Continue(()),
            Said::Subscribe { id, payload } => self.begin(id, payload.0).await,
            Said::Complete { id } => {
                self.operations.end(&id);
                ControlFlow::Continue(())
            }
        }
    }

    async fn initialise(&mut self, payload: &Map<String, Value>) -> Turn {
        if self.pass.is_some() {
            return end(Close::SecondInit);
        }
        let upgrade_pass = std::mem::replace(&mut self.upgrade_pass, Err(TokenError::Missing));
        let pass = match self.identify(payload, upgrade_pass) {
            Ok(pass) => pass,
            Err(rejection) => return end(Close::Refused(rejection)),
        };
        if self.endpoint.streams.identify(&mut self.permit, &pass.caller).is_err() {
            return end(Close::TryAgainLater("There are http.streams.max_open_per_session already."));
        }
        self.pass = Some(pass);
        self.send(Say::ConnectionAck.message()).await
    }

    /// The caller, by the token in the payload, otherwise by that of the upgrade request.
    fn identify(
        &self,
        payload: &Map<String, Value>,
        upgrade_pass: Result<Pass, TokenError>,
    ) -> Result<Pass, TokenError> {
        let gate = &self.endpoint.gate;
        match (payload_authorization(payload)?, upgrade_pass) {
            (Some(value), _) if !is_blank(value) => Pass::of(value, gate),
            (_, Ok(pass)) => pass.check().map(|()| pass),
            (Some(blank), Err(TokenError::Missing)) => Pass::of(blank, gate),
            (None, Err(TokenError::Missing)) => Ok(Pass::anonymous(TokenError::Missing)),
            (_, Err(rejection)) => Err(rejection),
        }
    }

    fn check_pass(&self) -> Turn {
        match self.pass.as_ref().map(Pass::check) {
            Some(Err(rejection)) => end(Close::Void(rejection)),
            _ => ControlFlow::Continue(()),
        }
    }

    async fn begin(&mut self, id: String, operation: Operation) -> Turn {
        let Some(pass) = &self.pass else { return end(Close::NotInitialised) };
        if id.is_empty() || id.len() > MAX_ID_BYTES {
            return end(Close::Invalid("The id of an operation must have 1 to 64 bytes."));
        }
        if self.operations.is_running(&id) {
            return end(Close::Duplicate(id));
        }
        self.check_pass()?;
        let most = self.endpoint.streams.limits.max_operations;
        if self.operations.len() >= most {
            return self
                .tell(&id, Outcome::ApiError(ApiError::limit_exceeded("http.streams.max_operations", most)))
                .await;
        }
        let asker = Asker::of_socket(pass, self.client.clone());
        let kept = pass.size() + asker.size() + self.operations.bytes();
        let fits = |more| self.endpoint.streams.limit_memory(kept + id.len() + more);
        let started = self.endpoint.start(operation, &asker).and_then(|started| {
            let (Started::Once(_, bytes) | Started::Events(_, bytes)) = &started;
            fits(*bytes).map(|()| started).map_err(|Refusal(_, failure)| failure)
        });
        match started {
            Ok(Started::Events(events, bytes)) => self.operations.follow(id, events, bytes),
            Ok(Started::Once(operation, bytes)) => {
                let endpoint = Arc::clone(&self.endpoint);
                let execution = async move {
                    let answer = endpoint.execute(*operation, &asker).await;
                    answer.map_or_else(|refusal| Outcome::ApiError(refusal.1), Outcome::Answer)
                };
                self.operations.start(id, execution, bytes);
            }
            Err(failure) => return self.tell(&id, Outcome::ApiError(failure)).await,
        }
        ControlFlow::Continue(())
    }

    /// Tells what an operation has come to; who may not hear of events any longer is told why.
    async fn tell(&mut self, id: &str, outcome: Outcome) -> Turn {
        if matches!(outcome, Outcome::Event(_)) {
            self.check_pass()?;
        }
        match outcome {
            Outcome::Answer(mut answer) | Outcome::Event(mut answer) => {
                let payload = respond::finish(&mut answer, &self.request_id);
                let message = if payload.data.is_some() {
                    Say::Next { id, payload: &payload }.message()
                } else {
                    // Nothing was executed, so nothing more comes.
                    self.operations.end(id);
                    Say::Error { id, payload: payload.errors }.message()
                };
                self.send(message).await
            }
            Outcome::ApiError(failure) => {
                self.operations.end(id);
                let error = respond::error(failure, &self.request_id);
                self.send(Say::Error { id, payload: &[error] }.message()).await
            }
            Outcome::Done => {
                self.operations.end(id);
                self.send(Say::Complete { id }.message()).await
            }
        }
    }

    /// Sends a message, for which the client has a while. Nothing else happens meanwhile, so that no more than
    /// this one waits for a client that does not read.
    async fn send(&mut self, message: Message) -> Turn {
        match timeout(self.endpoint.streams.limits.send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) => ControlFlow::Break(None),
            Err(_) => end(Close::TryAgainLater("The client is slower than http.streams.send_timeout.")),
        }
    }
}

/// How fast messages come.
struct Pace {
    since: Instant,
    messages: usize,
}

impl Pace {
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

fn end(why: Close) -> Turn {
    ControlFlow::Break(Some(why))
}
