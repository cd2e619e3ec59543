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

/// The JSON body of a response. It has `data` only if the operation was executed (GraphQL specification §7.1).
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

/// Maximum number of errors in one response; further errors are dropped.
const MAX_ERRORS: usize = 100;

/// The HTTP response for a response of the executor. In `application/json` the status is 200 even if nothing was
/// executed.
pub(super) fn executed(mut response: GraphqlResponse, media: MediaType, request_id: &RequestId) -> Response {
    let headers = std::mem::take(&mut response.http_headers);
    let body = finalize(&mut response, request_id);
    let status = match media {
        MediaType::GraphqlResponse if body.data.is_none() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    json(status, media, &body, headers)
}

/// The HTTP response that every client gets for this URL, with an `ETag`. A response with errors is not cacheable.
pub(super) fn cacheable(
    mut response: GraphqlResponse,
    media: MediaType,
    request_id: &RequestId,
    request_headers: &HeaderMap,
) -> Response {
    if response.is_err() || !response.http_headers.is_empty() {
        return executed(response, media, request_id);
    }
    let body = serde_json::to_vec(&finalize(&mut response, request_id)).unwrap_or_default();
    let mut response =
        etag::cacheable_response(request_headers, "public, max-age=60", media.content_type(), body.into());
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// The HTTP response for a batch.
pub(super) fn batch(
    mut responses: Vec<GraphqlResponse>,
    media: MediaType,
    request_id: &RequestId,
) -> Response {
    let mut headers = HeaderMap::new();
    for response in &mut responses {
        headers.extend(std::mem::take(&mut response.http_headers));
    }
    let bodies: Vec<ResponseBody<'_>> =
        responses.iter_mut().map(|response| finalize(response, request_id)).collect();
    json(StatusCode::OK, media, &bodies, headers)
}

/// The body for a response of the executor, with its errors in the common shape.
pub(super) fn finalize<'a>(response: &'a mut GraphqlResponse, request_id: &RequestId) -> ResponseBody<'a> {
    response.errors.truncate(MAX_ERRORS);
    for error in &mut response.errors {
        normalize_error(error, request_id.as_str());
    }
    let failed_before_execution = response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    let data = (!failed_before_execution).then_some(&response.data);
    ResponseBody { errors: &response.errors, data, extensions: &response.extensions }
}

/// The HTTP response for a request that was not executed. The status is the same in both media types.
pub(crate) fn rejected(
    error: ApiError,
    status: StatusCode,
    media: MediaType,
    request_id: &RequestId,
) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    let extensions = std::collections::BTreeMap::new();
    let errors = [server_error(error, request_id)];
    json(status, media, &ResponseBody { errors: &errors, data: None, extensions: &extensions }, headers)
}

/// An error in the common shape.
pub(super) fn server_error(error: ApiError, request_id: &RequestId) -> ServerError {
    let mut error = ServerError::from(error);
    normalize_error(&mut error, request_id.as_str());
    error
}

/// The number of headers for which a response has space: its own and those of the middleware. The map of headers would
/// otherwise grow, and hash all of them again, several times.
const USUAL_HEADERS: usize = 12;

fn json(status: StatusCode, media: MediaType, body: &impl Serialize, headers: HeaderMap) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().reserve(USUAL_HEADERS);
    // Responses contain tokens and personal data.
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
    tracing::error!("request handler panicked");
    rejected(ApiError::masked(), StatusCode::INTERNAL_SERVER_ERROR, MediaType::Json, request_id)
}
