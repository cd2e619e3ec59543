use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval_at},
};

use crate::{
    Outcome,
    client::Client,
    place::Place,
    report::{milliseconds, percentile, say},
    rng::Rng,
    seed::{self, Hashing, username},
    server::Server,
};

/// How many accounts there are; one more would be disabled.
const ACCOUNTS: usize = 199;

/// How many clients wait each for an answer before they ask again.
const CLIENTS: u32 = 16;

const MINUTE: Duration = Duration::from_mins(1);

/// From when on memory must stay where it is.
const WARM_AFTER_MINUTES: usize = 2;

/// By what part and by how much memory may grow after that.
const GROWTH: (f64, u32) = (0.05, 4 * 1024);

/// What is sent, and how many of a hundred.
const KINDS: [(&str, usize); 3] = [("query", 95), ("refresh", 4), ("login", 1)];

/// Fields that take an access token.
const GUARDED: [&str; 3] = [
    "{ it: me { id username roles } }",
    "{ it: session { id current } }",
    "{ it: me { sessions(first: 5) { totalCount nodes { id lastUsedAt } } } }",
];

/// What happened in a minute.
#[derive(Clone, Default)]
struct Minute {
    /// How long the answers took, by kind.
    times: [Vec<Duration>; KINDS.len()],
    errors: Vec<String>,
    /// The resident memory of the server, in KiB, each second.
    memory: Vec<u32>,
}

/// Sends mixed traffic, and wants no error and no growing memory.
pub(crate) async fn run(length: Duration, rate: u32, database: Option<&str>) -> Outcome {
    let place = Place::temporary(database).await?;
    seed::fill(&place, ACCOUNTS, Hashing::Usual).await?;
    let server = Server::start(&place, Hashing::Usual).await?;
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let mut traffic =
            Traffic { client: server.client(), rng: Rng::new(u64::from(number)), began, length };
        clients.spawn(async move { traffic.run(Duration::from_secs(1) * CLIENTS / rate).await });
    }
    let mut minutes = watch(&server, began, length).await?;
    while let Some(of_client) = clients.join_next().await {
        for (minute, own) in minutes.iter_mut().zip(of_client??) {
            minute.add(own);
        }
    }
    for line in table(&minutes) {
        say(&line)?;
    }
    judge(&minutes)
}

/// A client that sends one request after another.
struct Traffic {
    client: Client,
    rng: Rng,
    began: Instant,
    length: Duration,
}

impl Traffic {
    async fn run(&mut self, every: Duration) -> Outcome<Vec<Minute>> {
        let mut minutes = vec![Minute::default(); minute_of(self.length)];
        self.client.log_in(&username(self.rng.below(ACCOUNTS))).await?;
        // They do not all begin at once.
        let first = every.mul_f64(0.01) * u32::try_from(self.rng.below(100))?;
        let mut tick = interval_at(tokio::time::Instant::now() + first, every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.began.elapsed() < self.length {
            tick.tick().await;
            let kind = self.choose();
            let outcome = self.send(kind).await;
            let Some(minute) = minutes.get_mut(minute_of(self.began.elapsed())) else { break };
            match outcome {
                Ok(took) => minute.times[kind].push(took),
                Err(error) => minute.errors.push(error.to_string()),
            }
        }
        Ok(minutes)
    }

    fn choose(&mut self) -> usize {
        let mut left = self.rng.below(100);
        let falls_here = |(_, share): &(&str, usize)| {
            let is_here = left < *share;
            left = left.saturating_sub(*share);
            is_here
        };
        KINDS.iter().position(falls_here).unwrap_or(0)
    }

    async fn send(&mut self, kind: usize) -> Outcome<Duration> {
        match KINDS[kind].0 {
            "login" => self.client.log_in(&username(self.rng.below(ACCOUNTS))).await,
            "refresh" => self.client.refresh().await,
            _ => Ok(self.client.ask(GUARDED[self.rng.below(GUARDED.len())], json!({})).await?.1),
        }
    }
}

/// Reads the memory of the server each second.
async fn watch(server: &Server, began: Instant, length: Duration) -> Outcome<Vec<Minute>> {
    let mut minutes = vec![Minute::default(); minute_of(length)];
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while let Some(minute) = minutes.get_mut(minute_of(began.elapsed())) {
        minute.memory.push(server.resident_kib()?);
        tick.tick().await;
    }
    Ok(minutes)
}

/// How many whole minutes have passed.
fn minute_of(time: Duration) -> usize {
    usize::try_from(time.as_secs() / MINUTE.as_secs()).unwrap_or(usize::MAX)
}

impl Minute {
    fn add(&mut self, other: Self) {
        for (times, others) in self.times.iter_mut().zip(other.times) {
            times.extend(others);
        }
        self.errors.extend(other.errors);
    }
}

fn table(minutes: &[Minute]) -> Vec<String> {
    let mut lines = vec![
        "\n| minute | requests | errors | query p50 | p99 | refresh p50 | p99 | login p50 | p99 | memory |"
            .to_owned(),
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for (number, minute) in minutes.iter().enumerate() {
        let requests: usize = minute.times.iter().map(Vec::len).sum();
        let times = minute.times.iter().flat_map(|times| [percentile(times, 50), percentile(times, 99)]);
        let times: Vec<String> = times.map(milliseconds).collect();
        let mebibytes = f64::from(median(&minute.memory)) / 1024.0;
        lines.push(format!(
            "| {} | {requests} | {} | {} | {mebibytes:.1} MiB |",
            number + 1,
            minute.errors.len(),
            times.join(" | "),
        ));
    }
    lines
}

/// # Errors
/// If a request failed, or memory has grown since the server was warm.
fn judge(minutes: &[Minute]) -> Outcome {
    let mut errors = minutes.iter().flat_map(|minute| &minute.errors);
    if let Some(error) = errors.next() {
        return Err(format!("{} requests failed, the first: {error}", errors.count() + 1).into());
    }
    if minutes.len() < WARM_AFTER_MINUTES + 4 {
        return say("\ntoo short to say whether memory is flat");
    }
    let memory = |minutes: &[Minute]| {
        median(&minutes.iter().flat_map(|minute| minute.memory.iter().copied()).collect::<Vec<_>>())
    };
    let early = memory(&minutes[WARM_AFTER_MINUTES..WARM_AFTER_MINUTES + 2]);
    let late = memory(&minutes[minutes.len() - 2..]);
    let grown = late.saturating_sub(early);
    if grown >= GROWTH.1 && f64::from(grown) > f64::from(early) * GROWTH.0 {
        return Err(format!("memory has grown from {early} to {late} KiB").into());
    }
    say(&format!("\nmemory: {early} KiB in minutes 3 and 4, {late} KiB in the last two"))
}

fn median(numbers: &[u32]) -> u32 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
