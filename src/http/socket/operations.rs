//! The operations that run in a socket.

use std::{collections::HashMap, pin::Pin};

use async_graphql::Response as Answer;
use futures_util::{
    Stream, StreamExt,
    stream::{self, AbortHandle, SelectAll, abortable},
};

use crate::graphql::Failure;

/// Something that an operation has come to.
pub(super) enum Outcome {
    /// An answer, or one of many.
    Answer(Answer),
    /// There is none.
    Failure(Failure),
    /// That was all.
    Done,
}

type Outcomes = Pin<Box<dyn Stream<Item = (String, Outcome)> + Send>>;

/// Those that run, by the ids that the client gave them.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<String, AbortHandle>,
    outcomes: SelectAll<Outcomes>,
}

impl Operations {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_running(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Begins an operation.
    pub(super) fn start(&mut self, id: String, outcomes: impl Stream<Item = Outcome> + Send + 'static) {
        let (outcomes, handle) = abortable(outcomes.chain(stream::iter([Outcome::Done])));
        self.running.insert(id.clone(), handle);
        self.outcomes.push(Box::pin(outcomes.map(move |outcome| (id.clone(), outcome))));
    }

    /// Ends an operation, of which nothing more comes.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(handle) = self.running.remove(id) {
            handle.abort();
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
