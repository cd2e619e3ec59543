//! A fair queue: one event with many subscribers must not use all the capacity that other requests need.

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

/// How many events are made into answers at once, so that the database has connections left for requests.
const MAX_CONCURRENT: usize = 4;

/// Among how many queues the accounts are divided. Nobody can choose with whom they share one.
const QUEUE_COUNT: usize = 1024;

/// The turns that there are. An account's followers wait for each other first, in a queue that is nearly its own:
/// only one of them at a time waits among those of all accounts.
pub struct FairQueue {
    queues: Box<[Mutex<()>]>,
    hasher: RandomState,
    at_once: Semaphore,
    limit: Duration,
}

impl FairQueue {
    /// A queue whose permits are each held for at most this time.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self {
            queues: (0..QUEUE_COUNT).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            at_once: Semaphore::new(MAX_CONCURRENT),
            limit,
        }
    }

    async fn acquire(&self, account: Option<UserId>) -> FairPermit<'_> {
        let head = self.queues[self.queue(account)].lock().await;
        // It is never closed.
        let permit = self.at_once.acquire().await.ok();
        FairPermit { _permit: permit, _head: head }
    }

    fn queue(&self, account: Option<UserId>) -> usize {
        let hash = self.hasher.hash_one(account);
        usize::try_from(hash % QUEUE_COUNT as u64).unwrap_or_default()
    }
}

/// Ends when it is dropped: the next of all may go on, then the next of the account.
struct FairPermit<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _head: MutexGuard<'a, ()>,
}

/// An event of a subscription, whose fields are resolved when it is its follower's turn.
///
/// Without it, somebody with a thousand subscriptions would have the database asked a thousand times at once for each
/// thing that happens.
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
        let turns = ctx.data_unchecked::<FairQueue>();
        let account = ctx.data_opt::<Caller>().and_then(Caller::user);
        let _turn = turns.acquire(account).await;
        match timeout(turns.limit, self.0.resolve(ctx, field)).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::warn!("an event took longer than http.request_timeout");
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
    async fn who_follows_often_keeps_others_waiting_no_longer_than_who_follows_once() {
        let turns = Arc::new(FairQueue::new(Duration::from_mins(1)));
        let clock = Clock::system();
        let accounts = (0..100).map(|_| UserId::generate(&clock));
        // One account a queue, for the test is not about those who share one.
        let accounts: BTreeMap<_, _> =
            accounts.map(|account| (turns.queue(Some(account)), account)).collect();
        let mut accounts = accounts.into_values();
        let (other, crowd) = (accounts.next(), accounts.take(20));
        let (taken, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        for account in crowd {
            for _ in 0..50 {
                let (turns, taken) = (Arc::clone(&turns), Arc::clone(&taken));
                tasks.spawn(async move {
                    let _turn = turns.acquire(Some(account)).await;
                    taken.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                });
            }
        }
        while taken.load(Ordering::SeqCst) < 100 {
            tokio::task::yield_now().await;
        }
        let before = taken.load(Ordering::SeqCst);
        let _turn = turns.acquire(other).await;
        let meanwhile = taken.load(Ordering::SeqCst) - before;
        assert!(meanwhile <= 20 + MAX_CONCURRENT, "{meanwhile} turns of others");
    }
}
