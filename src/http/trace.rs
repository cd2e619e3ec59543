use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    http::{HeaderName, HeaderValue, Method, Uri},
    response::Response,
};
use futures_util::FutureExt;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::graphql::panic_response;
use crate::{clock::Clock, graphql::shorten_word};

/// The id of a request in the log, in the `x-request-id` header of the response, and in the `extensions.requestId` of
/// its errors. The server always generates it, so that a client cannot inject text into the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// A new id.
    pub(super) fn generate(clock: &Clock) -> Self {
        let mut hex = Uuid::encode_buffer();
        Self((&*clock.uuid().simple().encode_lower(&mut hex)).into())
    }

    /// The id.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The span of a request: every line of the log that belongs to a request contains its id.
pub(super) fn request_span(id: &RequestId) -> Span {
    tracing::info_span!("request", id = id.as_str())
}

/// Handles a request in its span: converts a panic of the handler to a response, gives the response the id of the request,
/// and logs the request at DEBUG. The query string is not logged, because it may contain a document with a secret.
pub(super) async fn trace(
    handle: impl Future<Output = Response>,
    id: &RequestId,
    method: Method,
    uri: Uri,
    span: Span,
) -> Response {
    let started = Instant::now();
    async move {
        let result = AssertUnwindSafe(handle).catch_unwind().await;
        let mut response = result.unwrap_or_else(|_| panic_response(id));
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
        }
        tracing::debug!(
            // A method or a path may be as long as the maximum size of all headers.
            method = shorten_word(method.as_str()),
            path = shorten_word(uri.path()),
            status = response.status().as_u16(),
            milliseconds = milliseconds(started.elapsed()),
            "response sent"
        );
        response
    }
    .instrument(span)
    .await
}

/// A duration in milliseconds, rounded down to microseconds.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1e3
}
