use std::sync::Arc;

use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY},
    },
    response::Response,
};
use serde::Serialize;

use super::media_type::MediaType;
use crate::{
    config::Config,
    graphql::{ApiError, normalize_error},
    http::{RequestId, etag},
};

/// A response of the executor on the wire: `data` is there when there was an execution
/// (GraphQL specification §7.1).
///
/// `async_graphql_axum::GraphQLResponse` cannot replace it (8.0.0-rc.5). It always writes `data`, also for an operation
/// that was not executed, such as a rejected entry of a batch. Server-sent events and WebSocket messages need the
/// same body without a response.
#[derive(Serialize)]
pub(super) struct ResponseBody<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a async_graphql::Value>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, async_graphql::Value>,
}

/// The most errors of an answer. Who has made more mistakes learns of the next ones when these are mended.
const MAX_ERRORS: usize = 100;

/// Writes what the executor answered. In `application/json` the status is 200 also where nothing was executed.
pub(super) fn executed(mut answer: GraphqlResponse, media: MediaType, request_id: &RequestId) -> Response {
    let headers = std::mem::take(&mut answer.http_headers);
    let wire = finalize(&mut answer, request_id);
    let status = match media {
        MediaType::GraphqlResponse if wire.data.is_none() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    json(status, media, &wire, headers)
}

/// Writes what anybody is answered who sends the same; with errors it is like any other answer.
pub(super) fn cacheable(
    mut answer: GraphqlResponse,
    media: MediaType,
    request_id: &RequestId,
    asked: &HeaderMap,
) -> Response {
    if answer.is_err() || !answer.http_headers.is_empty() {
        return executed(answer, media, request_id);
    }
    let body = serde_json::to_vec(&finalize(&mut answer, request_id)).unwrap_or_default();
    let mut response = etag::cacheable_response(asked, "public, max-age=60", media.content_type(), body);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// Writes what the executor answered to each operation of a batch.
pub(super) fn batch(mut answers: Vec<GraphqlResponse>, media: MediaType, request_id: &RequestId) -> Response {
    let mut headers = HeaderMap::new();
    for answer in &mut answers {
        headers.extend(std::mem::take(&mut answer.http_headers));
    }
    let wires: Vec<ResponseBody<'_>> =
        answers.iter_mut().map(|answer| finalize(answer, request_id)).collect();
    json(StatusCode::OK, media, &wires, headers)
}

/// What the executor answered, with its errors in the shape that all errors have.
pub(super) fn finalize<'a>(answer: &'a mut GraphqlResponse, request_id: &RequestId) -> ResponseBody<'a> {
    answer.errors.truncate(MAX_ERRORS);
    for error in &mut answer.errors {
        normalize_error(error, request_id.as_str());
    }
    let failed_before_execution = answer.data == async_graphql::Value::Null
        && !answer.errors.is_empty()
        && answer.errors.iter().all(|error| error.path.is_empty());
    let data = (!failed_before_execution).then_some(&answer.data);
    ResponseBody { errors: &answer.errors, data, extensions: &answer.extensions }
}

/// Writes a failure on the way to the executor, with this status in both media types.
pub(crate) fn rejected(
    failure: ApiError,
    status: StatusCode,
    media: MediaType,
    request_id: &RequestId,
) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = failure.retry_after_seconds() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    let extensions = std::collections::BTreeMap::new();
    let errors = [server_error(failure, request_id)];
    json(status, media, &ResponseBody { errors: &errors, data: None, extensions: &extensions }, headers)
}

/// A failure in the shape that all errors have.
pub(super) fn server_error(failure: ApiError, request_id: &RequestId) -> ServerError {
    let mut error = ServerError::from(failure);
    normalize_error(&mut error, request_id.as_str());
    error
}

fn json(status: StatusCode, media: MediaType, wire: &impl Serialize, headers: HeaderMap) -> Response {
    let body = serde_json::to_vec(wire).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    // Responses hold tokens and what only their caller may see.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(CONTENT_TYPE, media.content_type());
    let mut last: Option<HeaderName> = None;
    for (name, value) in headers {
        last = name.or(last);
        if let Some(name) = &last {
            response.headers_mut().append(name.clone(), value);
        }
    }
    response
}

/// The response for a path that does not exist.
pub(crate) async fn not_found(
    State(config): State<Arc<Config>>,
    Extension(id): Extension<RequestId>,
) -> Response {
    let base = config.http.base_path();
    let error = ApiError::bad_user_input(format!("Not found. The GraphQL endpoint is {base}/graphql."));
    rejected(error, StatusCode::NOT_FOUND, MediaType::Json, &id)
}

/// The response for a method that the path does not support.
pub(crate) async fn method_not_allowed(method: Method, Extension(id): Extension<RequestId>) -> Response {
    let error = ApiError::bad_user_input(format!("Method {method} is not allowed for this path."));
    rejected(error, StatusCode::METHOD_NOT_ALLOWED, MediaType::Json, &id)
}

/// The response of a handler that panicked. The panic message may contain secrets and is not sent.
pub(crate) fn panic_response(request_id: &RequestId) -> Response {
    tracing::error!("a request handler panicked");
    rejected(ApiError::masked(), StatusCode::INTERNAL_SERVER_ERROR, MediaType::Json, request_id)
}
