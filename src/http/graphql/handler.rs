use std::{net::SocketAddr, sync::Arc};

use async_graphql::{
    Executor, Request as GraphqlRequest, Response as GraphqlResponse, parser::types::OperationType,
};
use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ALLOW, AUTHORIZATION, COOKIE},
        request::Parts,
    },
    response::Response,
};

use super::{
    context::RequestContext,
    endpoint::Endpoint,
    media_type::{MediaType, accepts_events},
    refusal::RequestError,
    request::{self, ParsedRequest, is_safe},
    response,
    sse::{self, SseSubscription},
    websocket,
};
use crate::{
    graphql::ApiError, http::RequestId, listener::RequestConnection, operations::OperationInfo,
    tokens::Caller,
};

/// Headers that make a request personal. The response to such a request is never publicly cacheable.
const CREDENTIAL_HEADERS: [HeaderName; 2] = [AUTHORIZATION, COOKIE];

/// The outcome of a request that was executed.
enum Outcome {
    Single(GraphqlResponse),
    /// The response that every client gets for this URL.
    Cacheable(GraphqlResponse),
    Batch(Vec<GraphqlResponse>),
    EventStream(SseSubscription),
}

/// Handles a GraphQL request: upgrade, negotiate, parse, authenticate, prepare, execute, respond.
pub(crate) async fn graphql<E: Executor>(
    State(endpoint): State<Arc<Endpoint<E>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if websocket::is_upgrade(&parts.headers) {
        let upgraded = websocket::upgrade(endpoint, peer, parts, request_id.clone()).await;
        return upgraded.unwrap_or_else(|RequestError(status, error)| {
            response::rejected(error, status, MediaType::Json, &request_id)
        });
    }
    let (media, only_events) = match negotiate(&parts) {
        Ok(negotiated) => negotiated,
        Err(RequestError(status, error)) => {
            return response::rejected(error, status, MediaType::Json, &request_id);
        }
    };
    match outcome(&endpoint, peer, &parts, body).await {
        Ok(Outcome::Single(executed) | Outcome::Cacheable(executed)) if only_events => {
            sse::single_result(executed, &request_id)
        }
        Ok(Outcome::Single(executed)) => response::executed(executed, media, &request_id),
        Ok(Outcome::Cacheable(executed)) => response::cacheable(executed, media, &request_id, &parts.headers),
        Ok(Outcome::Batch(executed)) => response::batch(executed, media, &request_id),
        Ok(Outcome::EventStream(events)) => events.respond(&endpoint.tasks, request_id),
        Err(error) => reject(error, media, &parts, &request_id),
    }
}

/// The media type of the response, and whether the client accepts nothing but an event stream.
fn negotiate(parts: &Parts) -> Result<(MediaType, bool), RequestError> {
    match MediaType::negotiate(&parts.headers) {
        Some(media) => Ok((media, false)),
        None if accepts_events(&parts.headers) => Ok((MediaType::Json, true)),
        None => {
            let message = "The response can be application/graphql-response+json, application/json or \
                           text/event-stream.";
            Err(RequestError(StatusCode::NOT_ACCEPTABLE, ApiError::bad_user_input(message)))
        }
    }
}

/// Parses, authenticates, prepares and executes a request.
async fn outcome<E: Executor>(
    endpoint: &Endpoint<E>,
    peer: SocketAddr,
    parts: &Parts,
    body: Body,
) -> Result<Outcome, RequestError> {
    let client = endpoint.proxies.client(peer, &parts.headers);
    let reader = endpoint.body_reader(client.address);
    let ParsedRequest { operations, is_batch } =
        request::read(parts, body, reader, &endpoint.http, endpoint.max_batch).await?;
    let caller = endpoint.authenticator.authenticate(&parts.headers).await;
    if let (Caller::Authenticated(_), Some(connection)) =
        (&caller, parts.extensions.get::<RequestConnection>())
    {
        connection.signed_in();
    }
    let mut prepared = endpoint.prepare(operations, is_batch, parts, &caller)?;
    let context = RequestContext::from_http(endpoint, client, parts, caller)?;
    for (operation, _) in prepared.iter_mut().flatten() {
        context.insert_into(operation);
    }
    if let [Ok((operation, OperationInfo { kind: OperationType::Subscription, size, .. }))] =
        prepared.as_mut_slice()
    {
        let operation = std::mem::replace(operation, GraphqlRequest::new(""));
        return SseSubscription::open(endpoint, operation, *size, &context, parts).map(Outcome::EventStream);
    }
    let is_public = is_safe(&parts.method)
        && !CREDENTIAL_HEADERS.iter().any(|name| parts.headers.contains_key(name))
        && prepared.iter().all(|prepared| matches!(prepared, Ok((_, OperationInfo { is_public: true, .. }))));
    let operations = prepared.into_iter().map(|prepared| prepared.map(|(operation, _)| operation));
    let mut executed = endpoint.execute_all(operations.collect(), &context).await?;
    match executed.pop() {
        Some(response) if is_public && !is_batch => Ok(Outcome::Cacheable(response)),
        Some(response) if !is_batch => Ok(Outcome::Single(response)),
        last => Ok(Outcome::Batch(executed.into_iter().chain(last).collect())),
    }
}

/// The response to a request that was not executed.
fn reject(
    RequestError(status, error): RequestError,
    media: MediaType,
    parts: &Parts,
    request_id: &RequestId,
) -> Response {
    let mut response = response::rejected(error, status, media, request_id);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // The header says which encoding or media type would be accepted (RFC 9110 §15.5.16).
        let (name, value) = request::supported(&parts.headers);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
