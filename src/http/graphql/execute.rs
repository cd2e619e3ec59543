//! Executes prepared operations, within limits on concurrency and time. An operation runs to its end even if its client
//! disconnects.

use std::{panic::AssertUnwindSafe, time::Duration};

use async_graphql::{Executor, Request as GraphqlRequest, Response as GraphqlResponse, ServerError};
use axum::http::StatusCode;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, poll_immediate},
    stream::BoxStream,
};
use tokio::time::timeout;
use tracing::Instrument;

use super::{context::RequestContext, endpoint::Endpoint, refusal::RequestError};
use crate::{
    graphql::ApiError,
    limits::{QuotaKey, QuotaPermit, network_limits},
};

impl<E: Executor> Endpoint<E> {
    /// The responses of a subscription, one per event.
    pub(super) fn events(&self, operation: GraphqlRequest) -> BoxStream<'static, GraphqlResponse> {
        let responses = AssertUnwindSafe(self.executor.execute_stream(operation, None)).catch_unwind();
        let mask_panic = |response: std::thread::Result<GraphqlResponse>| {
            response.unwrap_or_else(|_| {
                tracing::error!("subscription panicked");
                GraphqlResponse::from_errors(vec![ApiError::masked().into()])
            })
        };
        responses.map(mask_panic).boxed()
    }

    /// Executes an operation.
    pub(super) async fn execute(
        &self,
        operation: GraphqlRequest,
        context: &RequestContext,
    ) -> Result<GraphqlResponse, RequestError> {
        let executor = self.executor.clone();
        self.run(context, Box::pin(async move { executor.execute(operation).await })).await
    }

    /// Executes the operations of a batch, one after another.
    pub(super) async fn execute_all(
        &self,
        operations: Vec<Result<GraphqlRequest, ApiError>>,
        context: &RequestContext,
    ) -> Result<Vec<GraphqlResponse>, RequestError> {
        let executor = self.executor.clone();
        let execution = Box::pin(async move {
            let mut responses = Vec::with_capacity(operations.len());
            for operation in operations {
                responses.push(match operation {
                    Ok(operation) => executor.execute(operation).await,
                    Err(error) => GraphqlResponse::from_errors(vec![ServerError::from(error)]),
                });
            }
            responses
        });
        self.run(context, execution).await
    }

    /// Runs an execution. Its future is on the heap, because it is large and is moved.
    async fn run<T: Send + 'static>(
        &self,
        context: &RequestContext,
        execution: BoxFuture<'static, T>,
    ) -> Result<T, RequestError> {
        // The execution holds the permits, because it continues after the client disconnects.
        let permits = self.acquire_permits(context)?;
        let mut execution = AssertUnwindSafe(execution).catch_unwind().map(|done| (done, permits));
        // A query that needs only cached data ends at the first poll. It needs neither a task nor a timer.
        let ended = match poll_immediate(&mut execution).await {
            Some((done, _)) => Ok(Ok(done)),
            None => {
                let task = self.tasks.spawn(execution.in_current_span());
                timeout(self.http.request_timeout, task).await.map(|ended| ended.map(|(done, _)| done))
            }
        };
        match ended {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(_) => {
                tracing::error!("operation panicked");
                Err(RequestError(StatusCode::INTERNAL_SERVER_ERROR, ApiError::masked()))
            }
            Err(_) => {
                tracing::warn!("request timed out: http.request_timeout exceeded");
                let error = ApiError::unavailable(Duration::from_secs(1));
                Err(RequestError(StatusCode::SERVICE_UNAVAILABLE, error))
            }
        }
    }

    /// Acquires the concurrency permits of a request: one of its account, one of each of its networks and a global one.
    /// One client can thus not use up the global limit. A trusted proxy that forwards no client address is exempt from
    /// the limits per network, because its requests come from many clients.
    fn acquire_permits(&self, context: &RequestContext) -> Result<Vec<QuotaPermit>, RequestError> {
        let (http, address) = (&self.http, context.client.address);
        let global = (QuotaKey::Global, http.max_concurrent_requests, "http.max_concurrent_requests");
        let per_network = || {
            let name = "http.max_concurrent_requests_per_address";
            let max = http.max_concurrent_requests_per_address;
            let networks = network_limits(address, max, http.max_concurrent_requests);
            networks.into_iter().map(move |(key, max)| (key, max, name))
        };
        let per_account = |account| {
            let name = "http.max_concurrent_requests_per_account";
            (QuotaKey::Account(account), http.max_concurrent_requests_per_account, name)
        };
        let networks = (!self.proxies.trusts(address)).then(per_network).into_iter().flatten();
        let account = context.caller.user().map(per_account);
        let quotas = account.into_iter().chain(networks).chain([global]);
        // The global permit is acquired last, so a client at its own limit does not hold one even for a moment.
        let acquire = |(key, max, limit)| {
            self.running_requests.try_acquire(key, max).ok_or_else(|| concurrency_exceeded(key, limit))
        };
        quotas.map(acquire).collect()
    }
}

/// The error for an exceeded concurrency limit: 503 for the global limit, 429 for a per-client limit, so that load
/// balancers do not mark the server unhealthy.
fn concurrency_exceeded(key: QuotaKey, limit: &str) -> RequestError {
    let status = if key == QuotaKey::Global {
        tracing::warn!(limit, "request rejected: concurrency limit reached");
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::TOO_MANY_REQUESTS
    };
    let mut error = ApiError::unavailable(Duration::from_secs(1));
    error.message = format!("Too many concurrent requests ({limit}). Retry after 1 s.").into();
    RequestError(status, error)
}
