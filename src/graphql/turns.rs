//! Turns, so that one event with many followers does not take all that other requests need.

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
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use super::Failure;
use crate::{id::UserId, tokens::Caller};

/// How many events are made into answers at once, so that the database has connections left for requests.
const AT_ONCE: usize = 4;

/// The turns that there are. An account takes the same one for all its events, so that its followers wait for each
/// other; nobody can choose with whom they share it.
pub struct Turns {
    places: [Mutex<()>; AT_ONCE],
    hasher: RandomState,
    limit: Duration,
}

impl Turns {
    /// Turns that may each take so long.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { places: Default::default(), hasher: RandomState::new(), limit }
    }

    async fn take(&self, account: Option<UserId>) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(account);
        let place = usize::try_from(hash % AT_ONCE as u64).unwrap_or_default();
        self.places[place].lock().await
    }
}

/// An event of a subscription, whose fields are resolved when it is its follower's turn.
///
/// Without it, somebody with a thousand subscriptions would have the database asked a thousand times at once for each
/// thing that happens.
pub struct InTurn<T>(pub T);

impl<T: OutputType> OutputType for InTurn<T> {
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
        let turns = ctx.data_unchecked::<Turns>();
        let account = ctx.data_opt::<Caller>().and_then(Caller::user);
        let _turn = turns.take(account).await;
        match timeout(turns.limit, self.0.resolve(ctx, field)).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::warn!("an event took longer than http.request_timeout");
                Err(Failure::unavailable(Duration::from_secs(1)).into())
            }
        }
    }
}
