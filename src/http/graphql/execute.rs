//! Executing what the endpoint has found fit: within a limit on how much at once and on how long, and to its end,
//! whether or not anybody waits for the answer.

use std::{panic::AssertUnwindSafe, time::Duration};

use async_graphql::{Executor, Request as GraphqlRequest, Response as GraphqlResponse, ServerError};
use axum::http::StatusCode;
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use tracing::Instrument;

use super::{context::RequestContext, endpoint::Endpoint, refusal::RequestError};
use crate::{
    graphql::ApiError,
    limits::{QuotaKey, QuotaPermit, network_limits},
};

impl<E: Executor> Endpoint<E> {
    /// The answers to a subscription, one for each event.
    pub(super) fn events(&self, operation: GraphqlRequest) -> BoxStream<'static, GraphqlResponse> {
        let answers = AssertUnwindSafe(self.executor.execute_stream(operation, None)).catch_unwind();
        let answer = |answer: std::thread::Result<GraphqlResponse>| {
            answer.unwrap_or_else(|_| {
                tracing::error!("a subscription panicked");
                GraphqlResponse::from_errors(vec![ApiError::masked().into()])
            })
        };
        answers.map(answer).boxed()
    }

    /// Executes an operation.
    pub(super) async fn execute(
        &self,
        operation: GraphqlRequest,
        context: &RequestContext,
    ) -> Result<GraphqlResponse, RequestError> {
        let executor = self.executor.clone();
        self.run(context, async move { executor.execute(operation).await }).await
    }

    /// Executes the operations of a batch, one after the other.
    pub(super) async fn execute_all(
        &self,
        operations: Vec<Result<GraphqlRequest, ApiError>>,
        context: &RequestContext,
    ) -> Result<Vec<GraphqlResponse>, RequestError> {
        let executor = self.executor.clone();
        self.run(context, async move {
            let mut answers = Vec::with_capacity(operations.len());
            for operation in operations {
                answers.push(match operation {
                    Ok(operation) => executor.execute(operation).await,
                    Err(failure) => GraphqlResponse::from_errors(vec![ServerError::from(failure)]),
                });
            }
            answers
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        context: &RequestContext,
        execution: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RequestError> {
        // Held by what is executed, for that goes on when nobody waits for it any longer.
        let shares = self.acquire_permits(context)?;
        let execution = self.tasks.spawn(execution.map(|done| (done, shares)).in_current_span());
        match tokio::time::timeout(self.http.request_timeout, execution).await {
            Ok(Ok((done, _))) => Ok(done),
            Ok(Err(_)) => {
                tracing::error!("an operation panicked");
                Err(RequestError(StatusCode::INTERNAL_SERVER_ERROR, ApiError::masked()))
            }
            Err(_) => {
                tracing::warn!("the request took longer than http.request_timeout");
                let failure = ApiError::unavailable(Duration::from_secs(1));
                Err(RequestError(StatusCode::SERVICE_UNAVAILABLE, failure))
            }
        }
    }

    /// The shares of a request at work: one of all, one of each of its networks and one of its account, so that nobody
    /// keeps others out by asking much. A trusted proxy that names no client speaks for many.
    fn acquire_permits(&self, context: &RequestContext) -> Result<Vec<QuotaPermit>, RequestError> {
        let (http, address) = (&self.http, context.client.address);
        let of_all = (QuotaKey::Global, http.max_concurrent_requests, "http.max_concurrent_requests");
        let of_networks = || {
            let name = "http.max_concurrent_requests_per_address";
            let max = http.max_concurrent_requests_per_address;
            let networks = network_limits(address, max, http.max_concurrent_requests);
            networks.into_iter().map(move |(owner, max)| (owner, max, name))
        };
        let of_account = |account| {
            let name = "http.max_concurrent_requests_per_account";
            (QuotaKey::Account(account), http.max_concurrent_requests_per_account, name)
        };
        let of_networks = (!self.proxies.trusts(address)).then(of_networks).into_iter().flatten();
        let of_account = context.caller.user().map(of_account);
        let wanted = of_account.into_iter().chain(of_networks).chain([of_all]);
        // That of all comes last, so that who has the most already takes none of it, not even for a moment.
        let take = |(owner, most, limit)| {
            self.running_requests.try_acquire(owner, most).ok_or_else(|| concurrency_exceeded(owner, limit))
        };
        wanted.map(take).collect()
    }
}

/// Says that there are so many already. Where they are the client's own, the status is one from which no load balancer
/// concludes that the server is ill.
fn concurrency_exceeded(owner: QuotaKey, limit: &str) -> RequestError {
    let status = if owner == QuotaKey::Global {
        tracing::warn!(limit, "a request was refused, for there are too many at work");
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::TOO_MANY_REQUESTS
    };
    let mut failure = ApiError::unavailable(Duration::from_secs(1));
    failure.message = format!("There are {limit} already; try again soon.").into();
    RequestError(status, failure)
}
