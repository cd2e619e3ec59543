//! GraphQL over server-sent events: one operation a stream, as graphql-sse has it in its mode of distinct
//! connections.
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

/// How many events wait for a client that has not received those before.
const CHANNEL_CAPACITY: usize = 4;

/// Nothing but a sign that somebody is there.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// There is no more. It has a data line, for else browsers would not tell of it.
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// A subscription whose events are sent as they come.
pub(super) struct SseSubscription {
    answers: BoxStream<'static, GraphqlResponse>,
    pass: StreamCredentials,
    streams: Arc<OpenStreams>,
    /// Held while it is open.
    permit: StreamPermit,
}

impl SseSubscription {
    /// Begins a subscription of so many bytes, unless it is too large or there are too many.
    pub(super) fn open<E: Executor>(
        endpoint: &Endpoint<E>,
        operation: GraphqlRequest,
        bytes: usize,
        context: &RequestContext,
        parts: &Parts,
    ) -> Result<Self, RequestError> {
        let streams = Arc::clone(&endpoint.streams);
        let mut permit = streams.acquire(context.client.address, &parts.extensions)?;
        streams.identify(&mut permit, &context.caller)?;
        let pass = match &context.caller {
            Caller::Anonymous(rejection) => StreamCredentials::anonymous(*rejection),
            Caller::Authenticated(_) => StreamCredentials::new(context.caller.clone(), context.token.clone()),
        };
        streams.limit_memory(bytes + context.size() + pass.size())?;
        let answers = endpoint.events(operation);
        Ok(Self { answers, pass, streams, permit })
    }

    /// The response, which lasts as long as the subscription.
    pub(super) fn respond(self, tasks: &TaskTracker, request_id: RequestId) -> Response {
        let (sender, receiver) = channel(CHANNEL_CAPACITY);
        let out = Out { sender, patience: self.streams.limits.send_timeout };
        tasks.spawn(self.send(out, request_id).in_current_span());
        let chunks = stream::unfold(receiver, |mut receiver| async {
            let chunk = receiver.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), receiver))
        });
        let mut response = response(Body::from_stream(chunks));
        response.extensions_mut().insert(LongLivedResponse);
        response
    }

    /// Sends what comes until there is no more, the token counts no more, the server stops, or nobody reads.
    async fn send(mut self, out: Out, request_id: RequestId) {
        let pause = self.streams.limits.heartbeat;
        let mut heartbeat = delayed_interval(pause);
        // The first at once, so that the client is told that it follows.
        heartbeat.reset_immediately();
        let mut look = delayed_interval(TOKEN_CHECK_INTERVAL);
        let evicted = self.permit.evicted();
        let mut is_open = true;
        while is_open {
            is_open = tokio::select! {
                // Without a goodbye, so that the client comes again.
                () = self.streams.closing.cancelled() => false,
                () = evicted.cancelled() => false,
                () = out.sender.closed() => false,
                answer = self.answers.next() => match (self.pass.check(), answer) {
                    (Ok(()), Some(answer)) => out.send(next(answer, &request_id)).await,
                    (Ok(()), None) => {
                        out.send(COMPLETE).await;
                        false
                    }
                    (Err(rejection), _) => {
                        out.refuse(rejection, &request_id).await;
                        false
                    }
                },
                _ = look.tick() => match self.pass.check() {
                    Ok(()) => true,
                    Err(rejection) => {
                        out.refuse(rejection, &request_id).await;
                        false
                    }
                },
                _ = heartbeat.tick() => out.send(HEARTBEAT).await,
            };
        }
    }
}

/// Where the events go.
struct Out {
    sender: Sender<Bytes>,
    /// How long one may have to wait for those before.
    patience: Duration,
}

impl Out {
    /// Whether the client still takes events.
    async fn send(&self, chunk: Bytes) -> bool {
        matches!(timeout(self.patience, self.sender.send(chunk)).await, Ok(Ok(())))
    }

    /// Says why there is no more.
    async fn refuse(&self, rejection: TokenError, request_id: &RequestId) {
        let answer = GraphqlResponse::from_errors(vec![ApiError::unauthenticated(rejection).into()]);
        self.send(next(answer, request_id)).await;
        self.send(COMPLETE).await;
    }
}

/// The answer to an operation that is none to follow, for a client that takes nothing but events.
pub(super) fn single_result(mut answer: GraphqlResponse, request_id: &RequestId) -> Response {
    let headers = std::mem::take(&mut answer.http_headers);
    let mut response = response(Body::from([next(answer, request_id), COMPLETE].concat()));
    response.headers_mut().extend(headers);
    response
}

/// An event that tells an answer, and the id of what it tells of where that was asked for.
fn next(mut answer: GraphqlResponse, request_id: &RequestId) -> Bytes {
    let id = event_id(&answer.data).map(|id| format!("id: {id}\n")).unwrap_or_default();
    let data = serde_json::to_string(&response::finalize(&mut answer, request_id)).unwrap_or_default();
    format!("event: next\n{id}data: {data}\n\n").into()
}

/// The field `id` of the one thing in an answer.
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

fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies would wait until there is more.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
