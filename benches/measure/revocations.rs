use std::time::{Duration, Instant};

use portcullis::{changes::Change, id::SessionId};
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    Outcome,
    client::Client,
    place::Place,
    report::{milliseconds, percentile, say, thousands},
    seed::{self, Hashing, enabled, username},
    server::Server,
};

/// The number of clients that sign out, one session after another.
const CLIENTS: u32 = 32;

/// One in so many tokens is tried on the other server until it is refused.
const SAMPLE: usize = 20;

/// The time for which sessions have ended at this rate before the measurement.
const HISTORY_SECONDS: u32 = 32;

/// The number of changes that one transaction of the history writes.
const BATCH: u32 = 1000;

/// The maximum time until the other server refuses a token.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The maximum of rows that a server reads for each revocation. It reads a row again if its transaction was still open
/// when the server read before. If it read the last 32 s each time, it would read thousands.
const MAX_ROWS: f64 = 20.0;

/// Ends many sessions per second on one of two servers, each by a sign-out. Measures the time until the other server
/// refuses the token, its response times meanwhile, and the rows that both have read.
pub(crate) async fn run(database: &str, rate: u32, seconds: u32) -> Outcome {
    let place = Place::temporary(Some(database)).await?;
    let sessions = (rate * seconds) as usize;
    let revoked = f64::from(rate * seconds);
    seed::fill(&place, sessions + 1, Hashing::Cheap).await?;
    write_history(&place, rate * HISTORY_SECONDS).await?;
    let [here, there] =
        [Server::start(&place, Hashing::Cheap).await?, Server::start(&place, Hashing::Cheap).await?];
    let mut watcher = there.client();
    watcher.log_in("root").await?;
    let clients = log_in_all(&here, sessions).await?;
    let before = times_of_me(watcher.clone(), sleep(Duration::from_secs(3))).await?;

    let rows = rows_read(&place).await?;
    let done = Notify::new();
    let revoking = async {
        let began = Instant::now();
        let delays = revoke_all(clients, &there, rate).await?;
        done.notify_one();
        Outcome::Ok((delays, began.elapsed().as_secs_f64()))
    };
    let ((delays, took), meanwhile) = tokio::try_join!(revoking, times_of_me(watcher, done.notified()))?;
    drop((here, there));
    let rows = (rows_read(&place).await? - rows) / (2.0 * revoked);

    say(&format!("\n{} revocations, {:.0} per second\n", thousands(sessions), revoked / took))?;
    say("| in ms | p50 | p99 | maximum |\n|---|---:|---:|---:|")?;
    for (name, times) in [
        ("from the sign-out until the other replica refuses the token", &delays),
        ("`me` on the other replica before", &before),
        ("`me` on the other replica meanwhile", &meanwhile),
    ] {
        let [p50, p99, max] = [50, 99, 100].map(|part| milliseconds(percentile(times, part)));
        say(&format!("| {name} | {p50} | {p99} | {max} |"))?;
    }
    say(&format!("\nEach replica read {rows:.1} rows of the change feed for each revocation"))?;
    if percentile(&delays, 100) > MAX_DELAY || rows > MAX_ROWS {
        return Err("a token is accepted for too long, or too many rows are read".into());
    }
    Ok(())
}

/// Writes changes to the feed, and lets PostgreSQL count them, as it does by itself within a minute.
async fn write_history(place: &Place, changes: u32) -> Outcome {
    let app = place.open(Hashing::Cheap).await?;
    for _ in 0..changes.div_ceil(BATCH) {
        let change = |_| Change::SessionEnded(SessionId::from_uuid(app.clock.uuid()));
        let transaction = app.database.begin().await?;
        app.feed.commit(transaction, &(0..BATCH).map(change).collect::<Vec<_>>()).await?;
    }
    app.database.writer().execute_unprepared("ANALYZE changes").await?;
    Ok(())
}

/// Signs in to so many accounts.
async fn log_in_all(server: &Server, count: usize) -> Outcome<Vec<Client>> {
    let (mut clients, mut running) = (Vec::new(), JoinSet::new());
    // A few, which share their connections.
    let connections: Vec<_> = (0..CLIENTS).map(|_| server.client()).collect();
    for (first, mut client) in connections.into_iter().enumerate() {
        running.spawn(async move {
            let mut signed_in = Vec::new();
            for number in (first..count).step_by(CLIENTS as usize) {
                client.log_in(&username(enabled(number, count))).await?;
                signed_in.push(client.clone());
            }
            Outcome::Ok(signed_in)
        });
    }
    while let Some(signed_in) = running.join_next().await {
        clients.extend(signed_in??);
    }
    Ok(clients)
}

/// Signs all clients out at this rate. Returns the delays until the other server refused those of the sample.
async fn revoke_all(clients: Vec<Client>, there: &Server, rate: u32) -> Outcome<Vec<Duration>> {
    let mut running = JoinSet::new();
    for part in clients.chunks(clients.len().div_ceil(CLIENTS as usize)) {
        let part: Vec<_> = part.iter().map(|client| (client.clone(), client.at(there))).collect();
        running.spawn(async move {
            let mut sampled = JoinSet::new();
            let mut tick = interval(Duration::from_secs(1) * CLIENTS / rate);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for (number, (client, there)) in part.into_iter().enumerate() {
                let is_sampled = number % SAMPLE == 0;
                if is_sampled && there.is_revoked().await? {
                    return Err("a token is refused before its session has ended".into());
                }
                tick.tick().await;
                client.log_out().await?;
                if is_sampled {
                    sampled.spawn(delay_until_refused(there));
                }
            }
            sampled.join_all().await.into_iter().collect::<Outcome<Vec<_>>>()
        });
    }
    let mut delays = Vec::new();
    while let Some(of_part) = running.join_next().await {
        delays.extend(of_part??);
    }
    Ok(delays)
}

async fn delay_until_refused(client: Client) -> Outcome<Duration> {
    let began = Instant::now();
    while !client.is_revoked().await? {
        if began.elapsed() > 10 * MAX_DELAY {
            return Err("a token is still accepted".into());
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(began.elapsed())
}

/// The response times of `me`, one request every 10 ms, until the end.
async fn times_of_me(client: Client, end: impl Future<Output = ()>) -> Outcome<Vec<Duration>> {
    let (mut times, mut tick) = (Vec::new(), interval(Duration::from_millis(10)));
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(times),
            _ = tick.tick() => times.push(client.me().await?),
        }
    }
}

/// The number of rows of the change feed that were ever read.
async fn rows_read(place: &Place) -> Outcome<f64> {
    // PostgreSQL counts the rows of a connection each second, and when it ends.
    sleep(Duration::from_secs(2)).await;
    let db = Database::connect(&place.url).await?;
    let sql = "SELECT (seq_tup_read + COALESCE(idx_tup_fetch, 0))::float8 FROM pg_stat_user_tables \
        WHERE schemaname = current_schema() AND relname = 'changes'";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(row.ok_or("no row")?.try_get_by_index(0)?)
}
