//! The documents that an authenticator fetches from its issuer: the key set, and the status lists that tokens name.
//!
//! One background task for each authenticator fetches and refreshes them, and stores them in the
//! [`Verifier`], which only reads memory. A request waits for the task only if its token needs a
//! document that is not in memory. A document is therefore fetched once for all requests that wait, and a client that
//! disconnects does not cancel a fetch.
//!
//! Invariants: an unverified token can cause the key set to be fetched, at most once in an interval. Only a verified token
//! can cause a status list to be fetched, and only from the origins that were configured. Every response has a maximum
//! size and time. The task ends when the last clone of its authenticator is dropped.

mod build;
mod builder;
mod error;
#[cfg(feature = "client")]
mod fetch;
mod load;
mod refresh;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

pub use self::{
    builder::AuthenticatorBuilder,
    error::{BuildError, IssuerError},
};
use self::{
    load::Loader,
    refresh::{Refresher, Schedule, Wanted},
};
use crate::tokens::{Claims, IssuerDocument, TokenError, Verifier};

/// The maximum time for which a request waits for a document.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The maximum number of requests that wait. Further ones are refused at once, as tokens that cannot be verified.
const MAX_WAITING: usize = 1024;

/// The background task of an authenticator.
pub(super) struct IssuerClient {
    wanted: mpsc::Sender<Wanted>,
    waiting: Semaphore,
}

impl IssuerClient {
    /// Starts the task.
    fn start(loader: Loader, schedule: Schedule) -> Self {
        let (wanted, requests) = mpsc::channel(MAX_WAITING);
        let task = Refresher::new(loader, schedule).run(requests);
        spawn(task);
        Self { wanted, waiting: Semaphore::new(MAX_WAITING) }
    }

    /// Verifies a token after the documents that it lacks were fetched.
    pub(super) async fn verify(
        &self,
        verifier: &Verifier,
        token: &str,
        lacks: IssuerDocument,
    ) -> Result<Arc<Claims>, TokenError> {
        let is_key_missing = lacks == IssuerDocument::Keys;
        let is_fetched = self.fetch(lacks).await;
        let again = verifier.verify_in_memory(token);
        match again.lacks {
            // Whether the issuer has such a key is not known.
            Some(IssuerDocument::Keys) if !is_fetched => Err(TokenError::Unverifiable),
            // The new key has verified a token that names a status list.
            Some(list @ IssuerDocument::StatusList(_)) if is_key_missing => {
                self.fetch(list).await;
                verifier.verify_in_memory(token).outcome
            }
            _ => again.outcome,
        }
    }

    /// Waits until a document was fetched. Returns whether it was.
    async fn fetch(&self, document: IssuerDocument) -> bool {
        let Ok(_permit) = self.waiting.try_acquire() else { return false };
        let (done, is_done) = oneshot::channel();
        if self.wanted.try_send(Wanted { document, done }).is_err() {
            return false;
        }
        matches!(timeout(MAX_WAIT, is_done).await, Ok(Ok(true)))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a service that only verifies tokens has no task tracker of ours; the task ends with its authenticator"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
