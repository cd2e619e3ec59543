use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{
    graphql::{MediaType, RequestError, rejected},
    health::Probes,
    host::Hosts,
    security_headers::add_security_headers,
    trace::{RequestId, request_span, trace},
};
use crate::{clock::Clock, config::HttpConfig};

/// The middleware of all routes: request ids, the log, panics, the Host header, and the security headers. It is one
/// layer, because axum clones and boxes the inner service of each layer for each request.
pub(crate) struct Middleware {
    clock: Clock,
    hosts: Hosts,
    probes: Probes,
    is_behind_tls: bool,
}

impl Middleware {
    /// The middleware of a server.
    pub(crate) fn new(http: &HttpConfig, clock: Clock) -> Self {
        Self {
            clock,
            hosts: Hosts::new(http),
            probes: Probes::below(http.base_path()),
            is_behind_tls: http.is_behind_tls(),
        }
    }
}

/// Handles a request with the middleware.
pub(crate) async fn middleware(
    State(middleware): State<Arc<Middleware>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::generate(&middleware.clock);
    request.extensions_mut().insert(id.clone());
    let span = request_span(&id);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let is_probe = middleware.probes.contains(request.uri().path());
    let handle = async {
        match middleware.hosts.check(&request, is_probe) {
            Ok(()) => next.run(request).await,
            Err(RequestError(status, error)) => rejected(error, status, MediaType::Json, &id),
        }
    };
    let mut response = trace(handle, &id, method, uri, span).await;
    add_security_headers(response.headers_mut(), middleware.is_behind_tls);
    response
}
