use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use tracing::Instrument;

use super::{graphql::panic_response, health::Probes};
use crate::{clock::Clock, graphql::shorten_word};

/// The id of a request in the log, in the `x-request-id` header of the response, and in the `extensions.requestId` of
/// its errors. The server always generates it, so that a client cannot inject text into the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The id.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives each request an id and a span, converts a panic of the handler to a response, and logs the status. The query
/// string is not logged, because it may contain a document with a secret. A successful probe is logged at DEBUG,
/// because orchestrators send several per minute.
pub(crate) async fn trace(
    State((clock, probes)): State<(Clock, Probes)>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId(clock.uuid().simple().to_string().into());
    request.extensions_mut().insert(id.clone());
    // A path may be as long as the maximum size of all headers.
    let method = shorten_word(request.method().as_str());
    let path = shorten_word(request.uri().path());
    let span = tracing::info_span!("request", id = id.as_str(), method, path);
    let is_probe = probes.contains(request.uri().path());
    let started = std::time::Instant::now();
    async move {
        let result = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let mut response = result.unwrap_or_else(|_| panic_response(&id));
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
        }
        let milliseconds = milliseconds(started.elapsed());
        let status = response.status();
        if is_probe && status.is_success() {
            tracing::debug!(status = status.as_u16(), milliseconds, "response sent");
        } else {
            tracing::info!(status = status.as_u16(), milliseconds, "response sent");
        }
        response
    }
    .instrument(span)
    .await
}

/// A duration in milliseconds, rounded down to microseconds.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1e3
}
