//! GraphQL over server-sent events: one operation per stream, as in the distinct connections mode of graphql-sse.
//!
//! axum's `Sse` cannot write these streams (0.8.9). Its `Event` writes no data line for empty data, and a browser's
//! `EventSource` dispatches no event without a data line, so `complete` would be lost. Its `KeepAlive` sends the first
//! comment after one interval, but a client needs one at once to know that its subscription is open.

use std::{sync::Arc, time::Duration};

use async_graphql::{Executor, Request as GraphqlRequest, Response as GraphqlResponse};
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
        request::Parts,
    },
    response::Response,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    sync::mpsc::{Sender, channel},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::{
    context::RequestContext,
    endpoint::Endpoint,
    refusal::RequestError,
    response,
    streams::{OpenStreams, StreamCredentials, StreamPermit, TOKEN_CHECK_INTERVAL, delayed_interval},
};
use crate::{
    graphql::ApiError,
    http::RequestId,
    id::EventId,
    listener::LongLivedResponse,
    tokens::{Caller, TokenError},
};

/// Maximum number of events that are buffered for a client.
const CHANNEL_CAPACITY: usize = 4;

/// A comment, which shows the client that the connection is alive.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// The end of the stream. It has a data line, because browsers dispatch no event without one.
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// A subscription whose events are sent over an event stream.
pub(super) struct SseSubscription {
    responses: BoxStream<'static, GraphqlResponse>,
    credentials: StreamCredentials,
    streams: Arc<OpenStreams>,
    /// Held while the stream is open.
    permit: StreamPermit,
}

impl SseSubscription {
    /// Starts a subscription that holds `bytes` of memory.
    ///
    /// # Errors
    /// If the subscription is too large, or too many streams are open.
    pub(super) fn open<E: Executor>(
        endpoint: &Endpoint<E>,
        operation: GraphqlRequest,
        bytes: usize,
        context: &RequestContext,
        parts: &Parts,
    ) -> Result<Self, RequestError> {
        let streams = Arc::clone(&endpoint.streams);
        let mut permit = streams.acquire(context.client.address, &parts.extensions)?;
        streams.acquire_for_session(&mut permit, &context.caller)?;
        let credentials = match &context.caller {
            Caller::Anonymous(error) => StreamCredentials::anonymous(*error),
            Caller::Authenticated(_) => StreamCredentials::new(context.caller.clone(), context.token.clone()),
        };
        streams.limit_memory(bytes + context.size())?;
        let responses = endpoint.events(operation);
        Ok(Self { responses, credentials, streams, permit })
    }

    /// The response. Its body ends with the subscription.
    pub(super) fn respond(self, tasks: &TaskTracker, request_id: RequestId) -> Response {
        let (sender, receiver) = channel(CHANNEL_CAPACITY);
        let sender = EventSender { sender, timeout: self.streams.limits.send_timeout };
        tasks.spawn(self.send(sender, request_id).in_current_span());
        let chunks = stream::unfold(receiver, |mut receiver| async {
            let chunk = receiver.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), receiver))
        });
        let mut response = event_stream(Body::from_stream(chunks));
        response.extensions_mut().insert(LongLivedResponse);
        response
    }

    /// Sends events until the subscription completes, the token becomes invalid, the server shuts down, or the client
    /// stops reading.
    async fn send(mut self, sender: EventSender, request_id: RequestId) {
        let mut heartbeat = delayed_interval(self.streams.limits.heartbeat);
        // The first heartbeat is sent at once. It shows the client that the subscription is open.
        heartbeat.reset_immediately();
        let mut token_check = delayed_interval(TOKEN_CHECK_INTERVAL);
        let evicted = self.permit.evicted();
        let mut is_open = true;
        while is_open {
            is_open = tokio::select! {
                // Without `complete`, so that the client reconnects.
                () = self.streams.shutdown.cancelled() => false,
                () = evicted.cancelled() => false,
                () = sender.sender.closed() => false,
                response = self.responses.next() => match (self.credentials.verify(), response) {
                    (Ok(()), Some(response)) => sender.send(next_event(response, &request_id)).await,
                    (Ok(()), None) => {
                        sender.send(COMPLETE).await;
                        false
                    }
                    (Err(error), _) => {
                        sender.refuse(error, &request_id).await;
                        false
                    }
                },
                _ = token_check.tick() => match self.credentials.verify() {
                    Ok(()) => true,
                    Err(error) => {
                        sender.refuse(error, &request_id).await;
                        false
                    }
                },
                _ = heartbeat.tick() => sender.send(HEARTBEAT).await,
            };
        }
    }
}

/// Sends events to the client.
struct EventSender {
    sender: Sender<Bytes>,
    /// The maximum time for which an event waits for earlier events.
    timeout: Duration,
}

impl EventSender {
    /// Sends a chunk. Returns whether the client still reads.
    async fn send(&self, chunk: Bytes) -> bool {
        matches!(timeout(self.timeout, self.sender.send(chunk)).await, Ok(Ok(())))
    }

    /// Sends the reason for which the token is invalid, and the end of the stream.
    async fn refuse(&self, error: TokenError, request_id: &RequestId) {
        let response = GraphqlResponse::from_errors(vec![ApiError::unauthenticated(error).into()]);
        self.send(next_event(response, request_id)).await;
        self.send(COMPLETE).await;
    }
}

/// Sends the result of a query or mutation as a one-event stream, for clients that accept only `text/event-stream`.
pub(super) fn single_result(mut executed: GraphqlResponse, request_id: &RequestId) -> Response {
    let headers = std::mem::take(&mut executed.http_headers);
    let mut response = event_stream(Body::from([next_event(executed, request_id), COMPLETE].concat()));
    response.headers_mut().extend(headers);
    response
}

/// A `next` event with the response as JSON. Its `id` is the event's id if the query selected one.
fn next_event(mut response: GraphqlResponse, request_id: &RequestId) -> Bytes {
    let id = event_id(&response.data).map(|id| format!("id: {id}\n")).unwrap_or_default();
    let data = serde_json::to_string(&response::finalize(&mut response, request_id)).unwrap_or_default();
    format!("event: next\n{id}data: {data}\n\n").into()
}

/// The field `id` of the object that the single root field returned.
fn event_id(data: &async_graphql::Value) -> Option<EventId> {
    let async_graphql::Value::Object(fields) = data else { return None };
    match fields.values().next()? {
        async_graphql::Value::Object(event) => match event.get("id")? {
            async_graphql::Value::String(id) => id.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// The response with this body of events.
fn event_stream(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx and other proxies buffer a response unless this header forbids it.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
