use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::secret::TokenHash;
use crate::{
    clock::Timestamp,
    id::PersonalAccessTokenId,
    tokens::{Claims, TokenError},
};

/// The maximum number of tokens in each of the two caches.
const CAPACITY: u64 = 10_000;

/// The maximum age of a cached token. A revocation takes effect at once, because the revocation list is checked at each
/// use; this limits how long a token keeps outdated claims of the profile.
const LIFETIME: Duration = Duration::from_secs(30);

/// The maximum number of concurrent lookups. A lookup is one read by an index, so a flood of unknown tokens leaves most
/// connections of the pool to others.
const MAX_LOOKUPS: usize = 4;

/// The maximum number of lookups that wait. Beyond it, tokens that are not cached are refused as unverifiable.
const MAX_WAITING: usize = 256;

/// The least time between two recorded uses of a token.
pub(super) const USE_INTERVAL: Duration = Duration::from_mins(1);

/// A token that was found and is valid.
pub(super) struct KnownToken {
    pub(super) id: PersonalAccessTokenId,
    pub(super) claims: Arc<Claims>,
    /// The last recorded use, milliseconds since the Unix epoch.
    used_at: AtomicI64,
}

impl KnownToken {
    pub(super) fn new(id: PersonalAccessTokenId, claims: Claims, used_at: Option<Timestamp>) -> Self {
        let used_at = used_at.map_or(i64::MIN, |at| at.timestamp_millis());
        Self { id, claims: Arc::new(claims), used_at: AtomicI64::new(used_at) }
    }

    /// Whether a use must be recorded now. True at most once in [`USE_INTERVAL`].
    pub(super) fn is_use_due(&self, now: Timestamp) -> bool {
        let interval = i64::try_from(USE_INTERVAL.as_millis()).unwrap_or(i64::MAX);
        let (now, last) = (now.timestamp_millis(), self.used_at.load(Ordering::Relaxed));
        now.saturating_sub(last) >= interval
            && self.used_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The tokens that were looked up: the valid ones, and apart from them the refused ones, so that a flood of unknown
/// tokens evicts no valid one.
pub(crate) struct TokenCache {
    known: Cache<TokenHash, Arc<KnownToken>>,
    refused: Cache<TokenHash, TokenError>,
    waiting: Semaphore,
    running: Semaphore,
}

/// The permits of a lookup.
pub(super) struct LookupPermit<'a>(
    #[expect(dead_code, reason = "held until the end")] [SemaphorePermit<'a>; 2],
);

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            known: Cache::builder().max_capacity(CAPACITY).time_to_live(LIFETIME).build(),
            refused: Cache::builder().max_capacity(CAPACITY).time_to_live(LIFETIME).build(),
            waiting: Semaphore::new(MAX_WAITING),
            running: Semaphore::new(MAX_LOOKUPS),
        }
    }
}

impl TokenCache {
    /// The token with this hash, or the reason for its refusal. `None` if it was not looked up.
    pub(super) fn get(&self, hash: &TokenHash) -> Option<Result<Arc<KnownToken>, TokenError>> {
        let known = self.known.get(hash).map(Ok);
        known.or_else(|| self.refused.get(hash).map(Err))
    }

    pub(super) fn insert(&self, hash: TokenHash, token: Arc<KnownToken>) {
        self.known.insert(hash, token);
    }

    /// Keeps a refusal that is final: the token will never be valid again.
    pub(super) fn refuse(&self, hash: TokenHash, error: TokenError) {
        self.refused.insert(hash, error);
    }

    pub(super) fn forget(&self, hash: &TokenHash) {
        self.known.invalidate(hash);
    }

    /// Waits for the permit of a lookup. `None` if too many lookups wait.
    pub(super) async fn permit(&self) -> Option<LookupPermit<'_>> {
        let waiting = self.waiting.try_acquire().ok()?;
        let running = self.running.acquire().await.ok()?;
        Some(LookupPermit([waiting, running]))
    }
}
