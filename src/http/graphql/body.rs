//! Reads the bodies of requests, and limits the memory for those that arrive in several pieces. A body is read before the
//! caller is authenticated and before the request has a permit to execute, so buffered bodies need a limit of their own.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::StatusCode,
};
use http_body_util::BodyExt;

use super::{endpoint::Endpoint, refusal::RequestError};
use crate::{
    config::HttpConfig,
    graphql::ApiError,
    limits::{QuotaKey, QuotaPermit, Quotas, network_limits},
};

/// The largest share of the memory that one address may hold: an eighth.
const MAX_SHARE_OF_ADDRESS: usize = 8;

/// Reads a body. Dropping the reader releases the quota.
pub(super) struct BodyReader {
    quotas: Arc<Quotas>,
    /// The address whose networks have a share. `None` for a trusted proxy that forwards no client address, because its
    /// requests come from many clients.
    address: Option<IpAddr>,
    /// `None` as long as nothing is buffered.
    permits: Option<BufferPermits>,
}

/// The memory of a buffered body.
struct BufferPermits {
    total: QuotaPermit,
    /// The permit of each network of the address, and its maximum in bytes.
    networks: Vec<(QuotaPermit, usize)>,
}

impl<E> Endpoint<E> {
    /// A reader for the body of a request from this address.
    pub(super) fn body_reader(&self, address: IpAddr) -> BodyReader {
        let address = (!self.proxies.trusts(address)).then_some(address);
        BodyReader { quotas: Arc::clone(&self.body_bytes), address, permits: None }
    }
}

impl BodyReader {
    /// Reads a body to its end. A body that arrives in one piece is not buffered: it is parsed at once, where it is.
    ///
    /// # Errors
    /// If the body is too large, the connection breaks, or a quota is exceeded.
    pub(super) async fn read(&mut self, mut body: Body, limits: &HttpConfig) -> Result<Bytes, RequestError> {
        let mut piece = next_piece(&mut body).await?.unwrap_or_default();
        if body.is_end_stream() && piece.len() <= limits.max_body_bytes {
            return Ok(piece);
        }
        let mut buffer = Vec::new();
        loop {
            if buffer.len() + piece.len() > limits.max_body_bytes {
                let error = ApiError::limit_exceeded("http.max_body_bytes", limits.max_body_bytes);
                return Err(RequestError(StatusCode::PAYLOAD_TOO_LARGE, error));
            }
            self.acquire(piece.len(), limits)?;
            buffer.extend_from_slice(&piece);
            match next_piece(&mut body).await? {
                Some(next) => piece = next,
                None => return Ok(buffer.into()),
            }
        }
    }

    /// Acquires quota for `more` bytes. It is acquired as the data arrives, not by the announced Content-Length, so an
    /// attacker cannot reserve memory without sending data.
    fn acquire(&mut self, more: usize, limits: &HttpConfig) -> Result<(), RequestError> {
        let permits =
            self.permits.get_or_insert_with(|| BufferPermits::empty(&self.quotas, self.address, limits));
        if !permits.networks.iter_mut().all(|(permit, max)| permit.try_grow(more, *max)) {
            let message =
                "Bodies from this address exceed its share of http.max_buffered_bytes. Retry after 1 s.";
            return Err(body_quota_exceeded(StatusCode::TOO_MANY_REQUESTS, message));
        }
        if !permits.total.try_grow(more, limits.max_buffered_bytes) {
            tracing::warn!("request rejected: http.max_buffered_bytes reached");
            let message = "Request bodies exceed http.max_buffered_bytes. Retry after 1 s.";
            return Err(body_quota_exceeded(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        Ok(())
    }
}

impl BufferPermits {
    fn empty(quotas: &Arc<Quotas>, address: Option<IpAddr>, limits: &HttpConfig) -> Self {
        let total = limits.max_buffered_bytes;
        // A client that sends one body at a time may send the largest body.
        let per_address = (total / MAX_SHARE_OF_ADDRESS).max(limits.max_body_bytes);
        let networks = address.map_or_else(Vec::new, |address| network_limits(address, per_address, total));
        let networks = networks.into_iter().map(|(key, max)| (quotas.empty(key), max)).collect();
        Self { total: quotas.empty(QuotaKey::Global), networks }
    }
}

/// The next piece of a body. `None` at its end.
async fn next_piece(body: &mut Body) -> Result<Option<Bytes>, RequestError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input("The body could not be read."))
        })?;
        // Trailers are ignored.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The error for an exceeded limit on buffered bodies.
fn body_quota_exceeded(status: StatusCode, message: &'static str) -> RequestError {
    let mut error = ApiError::unavailable(Duration::from_secs(1));
    error.message = message.into();
    RequestError(status, error)
}
