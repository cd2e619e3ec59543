//! The test app: each test has its own server, on its own database, with a clock that the test controls.

mod answer;
mod app;
mod client;
mod cluster;
mod database;
mod events;
mod following;
mod mailbox;
mod process;
mod proxy;
mod refreshes;
mod rng;
mod secrets;
mod socket;
mod token;
mod wire;

use std::time::{Duration, Instant};

use portcullis::{Portcullis, database::Transaction};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::{task::JoinSet, time::sleep};

pub(crate) use self::{
    answer::{Answer, keys},
    app::TestApp,
    client::{AUTH, Client, USER, persisted},
    cluster::Cluster,
    database::{TestDatabase, password_of, postgres, variable},
    events::{Events, Part},
    following::{OWN_EVENTS, large_after, own_events_after},
    mailbox::Message,
    process::{LOAD, Process, QUICK, TERSE, free_address},
    proxy::Proxy,
    refreshes::refresh_at_once,
    rng::Rng,
    secrets::{Secrets, encodings_of},
    socket::{Socket, SocketEvent},
    token::{Forge, base64url, decode, hex, sha256_hex, unsigned, write_pem},
    wire::Wire,
};

/// A password that meets the policy, and another one.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const OTHER_PASSWORD: &str = "quiet violet lantern orbit";

/// The time for which a test waits for an expected event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The schema of the server in GraphQL's schema definition language.
pub(crate) fn sdl() -> String {
    Portcullis::builder().sdl().expect("it has no fields of an application")
}

/// The schema of the server as a subgraph of Apollo Federation.
pub(crate) fn subgraph_sdl() -> String {
    Portcullis::builder().subgraph_sdl().expect("it has no fields of an application")
}

/// Repeats a check until it holds. Panics after [`PATIENCE`].
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "the condition never holds");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until another transaction is blocked by this one. On SQLite it returns at once, because there all writers wait
/// for the only one.
pub(crate) async fn wait_for_waiter(app: &TestApp, transaction: &Transaction) {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return;
    }
    let pid = number(transaction, "SELECT pg_backend_pid() AS number").await;
    let sql = format!(
        "SELECT count(*)::int AS number FROM pg_stat_activity WHERE {pid} = ANY(pg_blocking_pids(pid))"
    );
    // Not in a transaction, which would see the same connections in each query.
    eventually(async || number(app.app.database.reader(), &sql).await > 0).await;
}

async fn number(db: &impl ConnectionTrait, sql: &str) -> i32 {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
    row.expect("the database answers").expect("a row").try_get("", "number").expect("a number")
}

/// Runs all futures concurrently, each in a task of its own. The results come in no particular order.
pub(crate) async fn spawn_all<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    futures.into_iter().collect::<JoinSet<T>>().join_all().await
}
