//! The operations that run in a socket.

use std::{collections::HashMap, pin::Pin};

use async_graphql::Response as GraphqlResponse;
use futures_util::{
    Stream, StreamExt,
    stream::{self, AbortHandle, SelectAll, abortable},
};

use crate::graphql::ApiError;

/// Something that an operation has come to.
pub(super) enum Outcome {
    /// An answer.
    GraphqlResponse(GraphqlResponse),
    /// One of many, to something that has happened since.
    Event(GraphqlResponse),
    /// There is none.
    ApiError(ApiError),
    /// That was all.
    Done,
}

type Outcomes = Pin<Box<dyn Stream<Item = (String, Outcome)> + Send>>;

/// Those that run, by the ids that the client gave them.
#[derive(Default)]
pub(super) struct RunningOperations {
    running: HashMap<String, RunningOperation>,
    outcomes: SelectAll<Outcomes>,
}

/// Something that can be ended.
struct RunningOperation {
    handle: AbortHandle,
    kind: Kind,
    /// The approximate memory of the operation.
    bytes: usize,
}

/// How many answers an operation has.
#[derive(PartialEq, Eq)]
enum Kind {
    /// That of a query or a mutation.
    One,
    /// Those of a subscription.
    Many,
}

impl RunningOperations {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_running(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Begins a query or a mutation that takes so many bytes until it ends.
    pub(super) fn start(
        &mut self,
        id: String,
        outcome: impl Future<Output = Outcome> + Send + 'static,
        bytes: usize,
    ) {
        self.run(id, stream::once(outcome), Kind::One, bytes);
    }

    /// Begins a subscription that takes so many bytes until it ends.
    pub(super) fn follow(
        &mut self,
        id: String,
        answers: impl Stream<Item = GraphqlResponse> + Send + 'static,
        bytes: usize,
    ) {
        self.run(id, answers.map(Outcome::Event), Kind::Many, bytes);
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
        let (outcomes, handle) = abortable(outcomes.chain(stream::iter([Outcome::Done])));
        self.running.insert(id.clone(), RunningOperation { handle, kind, bytes });
        self.outcomes.push(Box::pin(outcomes.map(move |outcome| (id.clone(), outcome))));
    }

    /// Ends an operation, of which nothing more comes.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            running.handle.abort();
        }
    }

    /// Ends all but queries and mutations.
    pub(super) fn end_subscriptions(&mut self) {
        for (_, running) in self.running.extract_if(|_, running| running.kind != Kind::One) {
            running.handle.abort();
        }
    }

    /// What comes next of any of them; waits where there is none.
    pub(super) async fn next(&mut self) -> (String, Outcome) {
        while !self.outcomes.is_empty() {
            if let Some(outcome) = self.outcomes.next().await {
                return outcome;
            }
        }
        std::future::pending().await
    }
}
