//! Fair queuing: one event with many subscribers must not use all the capacity that other requests need.

use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use tokio::{
    sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit},
    time::timeout,
};

use super::ApiError;
use crate::{id::UserId, tokens::Caller};

/// Maximum number of events that are resolved at once, so that the database has connections left for requests.
const MAX_CONCURRENT: usize = 4;

/// Number of queues. Accounts are assigned by a randomly keyed hash, so an attacker cannot choose to share a queue
/// with a victim.
const QUEUE_COUNT: usize = 1024;

/// Limits how many events are resolved at once, fairly across accounts. The events of an account wait in one queue,
/// which few other accounts share. Only the head of each queue competes for a permit.
pub struct FairQueue {
    queues: Box<[Mutex<()>]>,
    hasher: RandomState,
    permits: Semaphore,
    max_hold: Duration,
}

impl FairQueue {
    /// A queue whose permits are each held for at most this time.
    #[must_use]
    pub fn new(max_hold: Duration) -> Self {
        Self {
            queues: (0..QUEUE_COUNT).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            permits: Semaphore::new(MAX_CONCURRENT),
            max_hold,
        }
    }

    async fn acquire(&self, account: Option<UserId>) -> FairPermit<'_> {
        let head = self.queues[self.index(account)].lock().await;
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        FairPermit { _permit: permit, _head: head }
    }

    fn index(&self, account: Option<UserId>) -> usize {
        let hash = self.hasher.hash_one(account);
        usize::try_from(hash % QUEUE_COUNT as u64).unwrap_or_default()
    }
}

/// A permit to resolve an event. Dropping it first releases the permit, then lets the next event of the queue compete.
struct FairPermit<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _head: MutexGuard<'a, ()>,
}

/// An event of a subscription whose fields are resolved with a permit of the [`FairQueue`].
///
/// Without a permit, each event would cause a thousand simultaneous database queries for an account with a thousand
/// subscriptions, and exhaust the connection pool.
///
/// ```
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::Subscription;
/// use futures_util::{Stream, stream};
/// use portcullis::{Portcullis, graphql::Queued};
///
/// struct Notes;
///
/// #[Subscription]
/// impl Notes {
///     /// The text of each new note.
///     async fn notes(&self) -> impl Stream<Item = Queued<String>> {
///         stream::iter([Queued("a note".to_owned())])
///     }
/// }
///
/// let sdl = Portcullis::builder().subscription(Notes).sdl()?;
/// assert!(sdl.contains("notes: String!"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
pub struct Queued<T>(pub T);

impl<T: OutputType> OutputType for Queued<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.0.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let queue = ctx.data_unchecked::<FairQueue>();
        let account = ctx.data_opt::<Caller>().and_then(Caller::user);
        let _permit = queue.acquire(account).await;
        match timeout(queue.max_hold, self.0.resolve(ctx, field)).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!("an event was cancelled: resolving it took longer than http.request_timeout");
                Err(ApiError::unavailable(Duration::from_secs(1)).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use tokio::task::JoinSet;

    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn many_subscriptions_of_one_account_delay_others_no_longer_than_one_does() {
        let queue = Arc::new(FairQueue::new(Duration::from_mins(1)));
        let clock = Clock::system();
        let accounts = (0..100).map(|_| UserId::generate(&clock));
        // One account for each queue, because the test is not about accounts that share one.
        let accounts: BTreeMap<_, _> =
            accounts.map(|account| (queue.index(Some(account)), account)).collect();
        let mut accounts = accounts.into_values();
        let (other, crowd) = (accounts.next(), accounts.take(20));
        let (acquired, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for account in crowd {
            for _ in 0..50 {
                let (queue, acquired) = (Arc::clone(&queue), Arc::clone(&acquired));
                tasks.spawn(async move {
                    let _permit = queue.acquire(Some(account)).await;
                    acquired.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                });
            }
        }
        while acquired.load(Ordering::SeqCst) < 100 {
            tokio::task::yield_now().await;
        }
        let before = acquired.load(Ordering::SeqCst);
        let _permit = queue.acquire(other).await;
        let meanwhile = acquired.load(Ordering::SeqCst) - before;
        assert!(meanwhile <= 20 + MAX_CONCURRENT, "{meanwhile} permits of others");
    }
}
