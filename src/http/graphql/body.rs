//! The memory for the bodies of requests. They are read before anything else is known of a request, so before it has a
//! share of what is executed: without a limit of their own they would take as much as connections bring.

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

/// How many addresses it takes at least to leave no memory for the bodies of others.
const MAX_SHARE_OF_ADDRESS: usize = 8;

/// What has come of a body. Its memory is free for others when this is dropped.
pub(super) struct BodyReader {
    bytes: Vec<u8>,
    of_all: QuotaPermit,
    /// The share of each network of the address, and how much it may have.
    of_networks: Vec<(QuotaPermit, usize)>,
}

impl<E> Endpoint<E> {
    /// Memory for the body of a request, of which nothing is taken yet. A trusted proxy that names no client speaks
    /// for many.
    pub(super) fn body_reader(&self, peer: SocketAddr, parts: &Parts) -> BodyReader {
        let address = self.proxies.client(peer, &parts.headers).address;
        let total = self.http.max_buffered_bytes;
        // Whoever sends one body at a time may send the largest.
        let per_address = (total / MAX_SHARE_OF_ADDRESS).max(self.http.max_body_bytes);
        let is_of_one = !self.proxies.trusts(address);
        let networks = if is_of_one { network_limits(address, per_address, total) } else { Vec::new() };
        let empty = |(owner, max)| (self.body_bytes.empty(owner), max);
        BodyReader {
            bytes: Vec::new(),
            of_all: self.body_bytes.empty(QuotaKey::Global),
            of_networks: networks.into_iter().map(empty).collect(),
        }
    }
}

impl BodyReader {
    /// Reads a body to its end, and takes memory only as it comes: what a client announces costs it nothing.
    ///
    /// # Errors
    /// When it is too large, breaks off, or there is no memory left for it.
    pub(super) async fn read(&mut self, mut body: Body, limits: &HttpConfig) -> Result<&[u8], RequestError> {
        let most = limits.max_body_bytes;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                RequestError(StatusCode::BAD_REQUEST, ApiError::bad_user_input("The body could not be read."))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if self.bytes.len() + data.len() > most {
                let failure = ApiError::limit_exceeded("http.max_body_bytes", most);
                return Err(RequestError(StatusCode::PAYLOAD_TOO_LARGE, failure));
            }
            self.take(data.len(), limits)?;
            self.bytes.extend_from_slice(&data);
        }
        Ok(&self.bytes)
    }

    fn take(&mut self, more: usize, limits: &HttpConfig) -> Result<(), RequestError> {
        let most = limits.max_buffered_bytes;
        if !self.of_networks.iter_mut().all(|(permit, max)| permit.try_grow(more, *max)) {
            let message =
                "Bodies from this address take its share of http.max_buffered_bytes; try again soon.";
            return Err(full(StatusCode::TOO_MANY_REQUESTS, message));
        }
        if !self.of_all.try_grow(more, most) {
            tracing::warn!("a request was refused, for bodies that are read take http.max_buffered_bytes");
            let message = "Bodies that are read take http.max_buffered_bytes; try again soon.";
            return Err(full(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        Ok(())
    }
}

fn full(status: StatusCode, message: &'static str) -> RequestError {
    let mut failure = ApiError::unavailable(Duration::from_secs(1));
    failure.message = message.into();
    RequestError(status, failure)
}
