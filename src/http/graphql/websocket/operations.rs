//! The running operations of a WebSocket.

use std::{collections::HashMap, pin::Pin};

use async_graphql::Response as GraphqlResponse;
use futures_util::{
    Stream, StreamExt,
    stream::{self, AbortHandle, SelectAll, abortable},
};

use crate::graphql::ApiError;

/// One outcome of an operation.
pub(super) enum Outcome {
    /// The response to a query or mutation.
    Response(GraphqlResponse),
    /// An event of a subscription.
    Event(GraphqlResponse),
    /// The operation was not executed.
    Rejected(ApiError),
    /// The operation has completed.
    Complete,
}

type Outcomes = Pin<Box<dyn Stream<Item = (String, Outcome)> + Send>>;

/// The running operations of a connection, by the ids that the client gave them.
#[derive(Default)]
pub(super) struct RunningOperations {
    running: HashMap<String, RunningOperation>,
    outcomes: SelectAll<Outcomes>,
}

/// A running operation, which can be cancelled.
struct RunningOperation {
    handle: AbortHandle,
    kind: Kind,
    /// The approximate memory of the operation.
    bytes: usize,
}

/// The number of responses of an operation.
#[derive(PartialEq, Eq)]
enum Kind {
    /// A query or a mutation.
    SingleResult,
    /// A subscription.
    Subscription,
}

impl RunningOperations {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_running(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Starts a query or a mutation, which holds `bytes` of memory until it ends.
    pub(super) fn start(
        &mut self,
        id: String,
        outcome: impl Future<Output = Outcome> + Send + 'static,
        bytes: usize,
    ) {
        self.run(id, stream::once(outcome), Kind::SingleResult, bytes);
    }

    /// Starts a subscription, which holds `bytes` of memory until it ends.
    pub(super) fn subscribe(
        &mut self,
        id: String,
        responses: impl Stream<Item = GraphqlResponse> + Send + 'static,
        bytes: usize,
    ) {
        self.run(id, responses.map(Outcome::Event), Kind::Subscription, bytes);
    }

    /// The approximate memory of all operations, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.running.iter().map(|(id, running)| id.len() + running.bytes).sum()
    }

    fn run(
        &mut self,
        id: String,
        outcomes: impl Stream<Item = Outcome> + Send + 'static,
        kind: Kind,
        bytes: usize,
    ) {
        let (outcomes, handle) = abortable(outcomes.chain(stream::iter([Outcome::Complete])));
        self.running.insert(id.clone(), RunningOperation { handle, kind, bytes });
        self.outcomes.push(Box::pin(outcomes.map(move |outcome| (id.clone(), outcome))));
    }

    /// Cancels an operation. It has no further outcome.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            running.handle.abort();
        }
    }

    /// Cancels the subscriptions; queries and mutations run to their end.
    pub(super) fn end_subscriptions(&mut self) {
        for (_, running) in self.running.extract_if(|_, running| running.kind != Kind::SingleResult) {
            running.handle.abort();
        }
    }

    /// The next outcome of any operation. Waits while no operation is running.
    pub(super) async fn next(&mut self) -> (String, Outcome) {
        while !self.outcomes.is_empty() {
            if let Some(outcome) = self.outcomes.next().await {
                return outcome;
            }
        }
        std::future::pending().await
    }
}
