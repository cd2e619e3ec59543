//! Executing what the endpoint has found fit: within a limit on how much at once and on how long, and to its end,
//! whether or not anybody waits for the answer.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{Executor, Request as Operation, Response as Answer, ServerError};
use axum::http::StatusCode;
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use tracing::Instrument;

use super::{endpoint::Endpoint, request::Refusal};
use crate::graphql::Failure;

impl<E: Executor> Endpoint<E> {
    /// The answers to a subscription, one for each event.
    pub(super) fn events(&self, operation: Operation) -> BoxStream<'static, Answer> {
        let answers = AssertUnwindSafe(self.executor.execute_stream(operation, None)).catch_unwind();
        let answer = |answer: std::thread::Result<Answer>| {
            answer.unwrap_or_else(|_| {
                tracing::error!("a subscription panicked");
                Answer::from_errors(vec![Failure::masked().into()])
            })
        };
        answers.map(answer).boxed()
    }

    /// Executes an operation.
    pub(super) async fn execute(&self, operation: Operation) -> Result<Answer, Refusal> {
        let executor = self.executor.clone();
        self.run(async move { executor.execute(operation).await }).await
    }

    /// Executes the operations of a batch, one after the other.
    pub(super) async fn execute_all(
        &self,
        operations: Vec<Result<Operation, Failure>>,
    ) -> Result<Vec<Answer>, Refusal> {
        let executor = self.executor.clone();
        self.run(async move {
            let mut answers = Vec::with_capacity(operations.len());
            for operation in operations {
                answers.push(match operation {
                    Ok(operation) => executor.execute(operation).await,
                    Err(failure) => Answer::from_errors(vec![ServerError::from(failure)]),
                });
            }
            answers
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        execution: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Refusal> {
        // Held by what is executed, for that goes on when nobody waits for it any longer.
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            tracing::warn!("a request was refused, for there are http.max_concurrent_requests already");
            let mut failure = Failure::unavailable(Duration::from_secs(1));
            failure.message = "There are http.max_concurrent_requests already; try again soon.".into();
            return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, failure));
        };
        let execution = self.tasks.spawn(execution.map(|done| (done, permit)).in_current_span());
        match tokio::time::timeout(self.http.request_timeout, execution).await {
            Ok(Ok((done, _))) => Ok(done),
            Ok(Err(_)) => {
                tracing::error!("an operation panicked");
                Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, Failure::masked()))
            }
            Err(_) => {
                tracing::warn!("the request took longer than http.request_timeout");
                let failure = Failure::unavailable(Duration::from_secs(1));
                Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, failure))
            }
        }
    }
}
