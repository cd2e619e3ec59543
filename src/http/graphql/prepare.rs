use async_graphql::{
    Executor, Request as GraphqlRequest, Response as GraphqlResponse, parser::types::OperationType,
};
use axum::http::{StatusCode, request::Parts};
use futures_util::stream::BoxStream;

use super::{
    context::RequestContext, endpoint::Endpoint, media_type::accepts_events, refusal::RequestError,
    request::is_safe,
};
use crate::{
    graphql::{ApiError, ErrorCode},
    operations::{OperationInfo, RequestTotals},
    tokens::Caller,
};

/// An operation that may be executed, and its properties.
pub(super) type PreparedOperation = (GraphqlRequest, OperationInfo);

/// An operation that may start.
pub(super) enum Started {
    /// A query or a mutation, and its approximate memory in bytes.
    Single(Box<GraphqlRequest>, usize),
    /// A subscription, and its approximate memory in bytes.
    Subscription(BoxStream<'static, GraphqlResponse>, usize),
}

impl<E: Executor> Endpoint<E> {
    /// Checks the operations of a request. A limit is shared by the operations of a batch, so exceeding one rejects the
    /// whole batch; any other error belongs to one operation.
    pub(super) fn prepare(
        &self,
        operations: Vec<Result<GraphqlRequest, ApiError>>,
        is_batch: bool,
        parts: &Parts,
        caller: &Caller,
    ) -> Result<Vec<Result<PreparedOperation, ApiError>>, RequestError> {
        let may_stream = || !is_batch && accepts_events(&parts.headers);
        let mut totals = RequestTotals::default();
        let mut prepared = Vec::with_capacity(operations.len());
        for operation in operations {
            let checked = operation.and_then(|operation| self.check(operation, caller, &mut totals));
            prepared.push(match checked {
                Ok((_, OperationInfo { kind: OperationType::Mutation, .. })) if is_safe(&parts.method) => {
                    let error =
                        ApiError::bad_user_input("A GET request cannot be a mutation. Send it by POST.");
                    return Err(RequestError(StatusCode::METHOD_NOT_ALLOWED, error));
                }
                Ok((_, OperationInfo { kind: OperationType::Subscription, .. })) if !may_stream() => {
                    let message = "A subscription needs a WebSocket, or a request of its own with \
                                   `Accept: text/event-stream`.";
                    return Err(RequestError(StatusCode::NOT_ACCEPTABLE, ApiError::bad_user_input(message)));
                }
                Err(error) if is_batch && error.code == ErrorCode::LimitExceeded => {
                    return Err(RequestError(StatusCode::BAD_REQUEST, error));
                }
                Err(error) if !is_batch && error.code == ErrorCode::UntrustedDocument => {
                    return Err(RequestError(StatusCode::FORBIDDEN, error));
                }
                checked => checked,
            });
        }
        Ok(prepared)
    }

    fn check(
        &self,
        mut operation: GraphqlRequest,
        caller: &Caller,
        totals: &mut RequestTotals,
    ) -> Result<PreparedOperation, ApiError> {
        let info = self.documents.prepare(&mut operation, caller, totals)?;
        Ok((operation, info))
    }

    /// Checks a single operation of a WebSocket or an event stream. A subscription is started; a query or mutation is
    /// returned, for the caller to execute.
    pub(super) fn start(
        &self,
        operation: GraphqlRequest,
        context: &RequestContext,
    ) -> Result<Started, ApiError> {
        let (mut operation, OperationInfo { kind, size, .. }) =
            self.check(operation, &context.caller, &mut RequestTotals::default())?;
        context.insert_into(&mut operation);
        Ok(match kind {
            OperationType::Subscription => Started::Subscription(self.events(operation), size),
            OperationType::Query | OperationType::Mutation => Started::Single(operation.into(), size),
        })
    }
}
