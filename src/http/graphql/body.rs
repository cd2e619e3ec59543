//! The memory for the bodies of requests. A body is read before the caller is authenticated and before the request has
//! a permit to execute, so buffered bodies need a limit of their own.

use std::{net::SocketAddr, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, request::Parts},
};
use http_body_util::BodyExt;

use super::{endpoint::Endpoint, refusal::RequestError};
use crate::{
    config::HttpConfig,
    graphql::ApiError,
    limits::{QuotaKey, QuotaPermit, network_limits},
};

/// The largest share of the memory that one address may hold: an eighth.
const MAX_SHARE_OF_ADDRESS: usize = 8;

/// Buffers a body. Dropping the reader releases the quota.
pub(super) struct BodyReader {
    bytes: Vec<u8>,
    total: QuotaPermit,
    /// The permit of each network of the address, and its maximum in bytes.
    networks: Vec<(QuotaPermit, usize)>,
}

impl<E> Endpoint<E> {
    /// An empty reader for the body of a request. A trusted proxy that forwards no client address is exempt from the
    /// limit per address, because its requests come from many clients.
    pub(super) fn body_reader(&self, peer: SocketAddr, parts: &Parts) -> BodyReader {
        let address = self.proxies.client(peer, &parts.headers).address;
        let total = self.http.max_buffered_bytes;
        // A client that sends one body at a time may send the largest body.
        let per_address = (total / MAX_SHARE_OF_ADDRESS).max(self.http.max_body_bytes);
        let is_one_client = !self.proxies.trusts(address);
        let networks = if is_one_client { network_limits(address, per_address, total) } else { Vec::new() };
        let empty = |(key, max)| (self.body_bytes.empty(key), max);
        BodyReader {
            bytes: Vec::new(),
            total: self.body_bytes.empty(QuotaKey::Global),
            networks: networks.into_iter().map(empty).collect(),
        }
    }
}

impl BodyReader {
    /// Reads a body to its end. Quota is acquired as the data arrives, not by the announced Content-Length, so an
    /// attacker cannot reserve memory without sending data.
    ///
    /// # Errors
    /// If the body is too large, the connection breaks, or a quota is exceeded.
    pub(super) async fn read(&mut self, mut body: Body, limits: &HttpConfig) -> Result<&[u8], RequestError> {
        let max = limits.max_body_bytes;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input("The body could not be read."))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if self.bytes.len() + data.len() > max {
                let error = ApiError::limit_exceeded("http.max_body_bytes", max);
                return Err(RequestError(StatusCode::PAYLOAD_TOO_LARGE, error));
            }
            self.acquire(data.len(), limits)?;
            self.bytes.extend_from_slice(&data);
        }
        Ok(&self.bytes)
    }

    /// Acquires quota for `more` bytes.
    fn acquire(&mut self, more: usize, limits: &HttpConfig) -> Result<(), RequestError> {
        if !self.networks.iter_mut().all(|(permit, max)| permit.try_grow(more, *max)) {
            let message =
                "Bodies from this address exceed its share of http.max_buffered_bytes. Retry after 1 s.";
            return Err(body_quota_exceeded(StatusCode::TOO_MANY_REQUESTS, message));
        }
        if !self.total.try_grow(more, limits.max_buffered_bytes) {
            tracing::warn!("request rejected: http.max_buffered_bytes reached");
            let message = "Request bodies exceed http.max_buffered_bytes. Retry after 1 s.";
            return Err(body_quota_exceeded(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        Ok(())
    }
}

/// The error for an exceeded limit on buffered bodies.
fn body_quota_exceeded(status: StatusCode, message: &'static str) -> RequestError {
    let mut error = ApiError::unavailable(Duration::from_secs(1));
    error.message = message.into();
    RequestError(status, error)
}
