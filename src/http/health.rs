use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};
use tokio_util::task::TaskTracker;

use crate::{changes::ChangeFeed, database::Database, tokens::Keyring};

/// The paths of the probes, which orchestrators request every few seconds: at the root, and below the base path.
#[derive(Clone)]
pub(crate) struct Probes {
    base: Arc<str>,
}

impl Probes {
    /// The probes of a server with this base path.
    #[must_use]
    pub(crate) fn below(base: &str) -> Self {
        Self { base: base.into() }
    }

    /// Whether a path is that of a probe.
    #[must_use]
    pub(super) fn contains(&self, path: &str) -> bool {
        let is_probe = |path: &str| path == "/healthz" || path == "/readyz";
        is_probe(path) || path.strip_prefix(&*self.base).is_some_and(is_probe)
    }
}

/// Timeout for the ping of the database.
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// The time for which probes share a result, so that a flood of probes causes one database query per second.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Health responses must not be cached.
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// `GET /healthz`: liveness. Succeeds whenever the process can respond; it checks no dependency, because a restart
/// would not repair one.
pub(crate) async fn liveness() -> impl IntoResponse {
    (NO_STORE, Json(json!({ "status": "ok" })))
}

/// `GET /readyz`: readiness. Succeeds if the replica can serve requests.
pub(crate) async fn readiness(State(health): State<Arc<Health>>) -> Response {
    health.latest().await.respond()
}

/// The readiness of this replica.
pub(crate) struct Health {
    dependencies: Arc<Dependencies>,
    shared: SharedCheck<Readiness>,
}

impl Health {
    /// The readiness of a replica with these dependencies.
    #[must_use]
    pub(crate) fn new(dependencies: Dependencies, tasks: TaskTracker) -> Self {
        Self { dependencies: Arc::new(dependencies), shared: SharedCheck::new(tasks) }
    }

    async fn latest(&self) -> Readiness {
        let dependencies = Arc::clone(&self.dependencies);
        self.shared.result(async move { dependencies.check().await }).await.unwrap_or_default()
    }
}

/// The things that a replica needs to serve.
pub(crate) struct Dependencies {
    /// The database.
    pub(crate) database: Database,
    /// The change feed, from which the replica learns of revoked tokens.
    pub(crate) feed: Arc<ChangeFeed>,
    /// The keyring, without which no user can sign in.
    pub(crate) keyring: Arc<Keyring>,
}

impl Dependencies {
    /// Computes the readiness.
    async fn check(&self) -> Readiness {
        let database =
            tokio::time::timeout(PING_TIMEOUT, self.database.ping()).await.is_ok_and(|ping| ping.is_ok());
        Readiness { database, changes: self.feed.is_current(), keys: self.keyring.signer().is_ok() }
    }
}

/// The result of one check, for each dependency. By default nothing is available.
#[derive(Clone, Copy, Default)]
struct Readiness {
    database: bool,
    changes: bool,
    keys: bool,
}

impl Readiness {
    fn respond(self) -> Response {
        let is_ready = self.database && self.changes && self.keys;
        let word = |is_available| if is_available { "ok" } else { "unavailable" };
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = json!({
            "status": word(is_ready),
            "database": word(self.database),
            "changes": word(self.changes),
            "keys": word(self.keys),
        });
        (status, NO_STORE, Json(body)).into_response()
    }
}

/// A check whose result concurrent callers share. At most one runs at a time.
struct SharedCheck<T> {
    latest: Arc<Mutex<Option<(Instant, T)>>>,
    tasks: TaskTracker,
}

impl<T: Copy + Send + 'static> SharedCheck<T> {
    fn new(tasks: TaskTracker) -> Self {
        Self { latest: Arc::default(), tasks }
    }

    /// The latest result, from `check` if the last one is older than [`SHARED_FOR`]. `None` if the check panicked.
    async fn result(&self, check: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        if let Some((at, result)) = *latest
            && at.elapsed() < SHARED_FOR
        {
            return Some(result);
        }
        // The check runs in its own task. Otherwise clients that disconnect at once would start one check after
        // another.
        let check = async move {
            let result = check.await;
            *latest = Some((Instant::now(), result));
            result
        };
        self.tasks.spawn(check).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{FutureExt, future::join_all};
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn callers_share_one_check_per_second_even_if_they_disconnect() {
        let (shared, ran) = (SharedCheck::new(TaskTracker::new()), Arc::new(AtomicUsize::new(0)));
        let request = || {
            let ran = Arc::clone(&ran);
            shared.result(async move {
                yield_now().await;
                ran.fetch_add(1, Ordering::Relaxed) + 1
            })
        };
        assert!(request().now_or_never().is_none(), "the caller disconnects before the check ends");
        assert_eq!(join_all((0..100).map(|_| request())).await, [Some(1); 100]);
        *shared.latest.lock().await = Some((Instant::now() - SHARED_FOR, 1));
        assert_eq!(join_all((0..100).map(|_| request())).await, [Some(2); 100]);
    }

    #[tokio::test]
    async fn a_check_that_panics_is_repeated() {
        let shared = SharedCheck::new(TaskTracker::new());
        assert_eq!(shared.result(async { panic!("the check fails") }).await, None::<u8>);
        assert_eq!(shared.result(async { 1 }).await, Some(1));
    }
}
