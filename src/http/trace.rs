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

/// Names one request: in the log, in the `x-request-id` header of its answer, and in the
/// `extensions.requestId` of its errors. It is always ours, so that nobody can write into our log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The id.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives each request an id and a span, answers for a handler that panics, and logs how it ended. The query
/// string is not logged: it may hold a document with a secret in it. A successful probe is logged at DEBUG, because
/// orchestrators send several a minute.
pub(crate) async fn trace(
    State((clock, probes)): State<(Clock, Probes)>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId(clock.uuid().simple().to_string().into());
    request.extensions_mut().insert(id.clone());
    // A path may have the length of all headers.
    let method = shorten_word(request.method().as_str());
    let path = shorten_word(request.uri().path());
    let span = tracing::info_span!("request", id = id.as_str(), method, path);
    let is_probe = probes.contains(request.uri().path());
    let started = std::time::Instant::now();
    async move {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let mut response = answer.unwrap_or_else(|_| panic_response(&id));
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
        }
        let milliseconds = milliseconds(started.elapsed());
        let status = response.status();
        if is_probe && status.is_success() {
            tracing::debug!(status = status.as_u16(), milliseconds, "answered");
        } else {
            tracing::info!(status = status.as_u16(), milliseconds, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// A time in milliseconds, exact to the microsecond. More digits would be noise.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1e3
}
