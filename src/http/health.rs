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

/// The time that the database may take to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// The time for which a result serves other probes, so that a flood of probes costs the database one query a second.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// How it was a moment ago helps nobody.
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// `/healthz`: the process runs and answers. Restarting it would help nothing that this does not tell.
pub(crate) async fn liveness() -> impl IntoResponse {
    (NO_STORE, Json(json!({ "status": "ok" })))
}

/// `/readyz`: the replica can serve.
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
    /// The change feed, which tells the replica which tokens are revoked.
    pub(crate) feed: Arc<ChangeFeed>,
    /// The keyring, without which nobody can sign in.
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
        let word = |well| if well { "ok" } else { "unavailable" };
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

/// A check whose result many callers share. At most one runs at a time.
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
        // A task of its own: clients that hang up at once would otherwise start one check after the other.
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
    async fn callers_share_one_check_a_second_also_when_they_hang_up() {
        let (shared, ran) = (SharedCheck::new(TaskTracker::new()), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let ran = Arc::clone(&ran);
            shared.result(async move {
                yield_now().await;
                ran.fetch_add(1, Ordering::Relaxed) + 1
            })
        };
        assert!(ask().now_or_never().is_none(), "the caller hangs up before the check ends");
        assert_eq!(join_all((0..100).map(|_| ask())).await, [Some(1); 100]);
        *shared.latest.lock().await = Some((Instant::now() - SHARED_FOR, 1));
        assert_eq!(join_all((0..100).map(|_| ask())).await, [Some(2); 100]);
    }

    #[tokio::test]
    async fn a_check_that_panics_is_repeated() {
        let shared = SharedCheck::new(TaskTracker::new());
        assert_eq!(shared.result(async { panic!("the check fails") }).await, None::<u8>);
        assert_eq!(shared.result(async { 1 }).await, Some(1));
    }
}
