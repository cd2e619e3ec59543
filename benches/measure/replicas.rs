use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{
    Outcome,
    client::Client,
    place::Place,
    report::{say, thousands},
    seed::{self, Hashing, enabled, username},
    server::Server,
};

/// The numbers of servers.
const REPLICAS: [usize; 3] = [1, 2, 4];

const OPERATIONS: [Operation; 3] = [Operation::Me, Operation::Refresh, Operation::LogIn];

/// The number of clients. Each has a connection, and waits for a response before its next request.
const CLIENTS: usize = 32;

const ACCOUNTS: usize = 2000;

/// The time for which an operation is measured in each round, after a warm-up.
const LENGTH: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);

/// The smallest ratio of four servers to one that noise explains.
const MIN_RATIO: f64 = 0.7;

/// A request of every client.
#[derive(Clone, Copy)]
enum Operation {
    Me,
    Refresh,
    LogIn,
}

/// Compares the requests per second of one and of several servers on one database, in interleaved rounds. Only the
/// measured servers run.
pub(crate) async fn run(database: &str, rounds: usize) -> Outcome {
    let place = Place::temporary(Some(database)).await?;
    seed::fill(&place, ACCOUNTS, Hashing::Cheap).await?;
    let mut rates: [[Vec<u32>; REPLICAS.len()]; OPERATIONS.len()] = Default::default();
    for round in 0..rounds {
        for (column, replicas) in REPLICAS.into_iter().enumerate() {
            let servers = start(&place, replicas).await?;
            for (row, operation) in OPERATIONS.into_iter().enumerate() {
                measure(&servers, operation, WARM_UP, round).await?;
                rates[row][column].push(measure(&servers, operation, LENGTH, round).await?);
            }
        }
    }
    say("\n| requests per second, median (lowest to highest) | 1 replica | 2 replicas | 4 replicas |")?;
    say("|---|---:|---:|---:|")?;
    let mut slow = Vec::new();
    for (operation, columns) in OPERATIONS.into_iter().zip(&mut rates) {
        for rates in columns.iter_mut() {
            rates.sort_unstable();
        }
        let [one, two, four] = columns.each_ref().map(|rates| cell(rates));
        say(&format!("| {} | {one} | {two} | {four} |", operation.name()))?;
        let [one, .., four] = columns.each_ref().map(|rates| f64::from(rates[rates.len() / 2]));
        if four < one * MIN_RATIO {
            slow.push(operation.name());
        }
    }
    if slow.is_empty() { Ok(()) } else { Err(format!("four replicas are slower than one: {slow:?}").into()) }
}

async fn start(place: &Place, replicas: usize) -> Outcome<Vec<Server>> {
    // Few accounts refresh much more often than people do.
    let settings = [("PORTCULLIS_LIMITS__REFRESHES_PER_MINUTE", "1000000")];
    let mut servers = Vec::new();
    for _ in 0..replicas {
        servers.push(Server::start_with(place, Hashing::Cheap, &settings).await?);
    }
    Ok(servers)
}

/// The requests per second of all clients, which are spread over the servers.
async fn measure(servers: &[Server], operation: Operation, length: Duration, round: usize) -> Outcome<u32> {
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = servers[number % servers.len()].client();
        client.log_in(&username(account(number, round))).await?;
        clients.push(client);
    }
    let began = Instant::now();
    let mut running = JoinSet::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        running.spawn(async move {
            let mut done = 0;
            while began.elapsed() < length {
                // Each sign-in to another account, because one account may sign in only so often.
                operation.send(&mut client, account(number + done * CLIENTS, round)).await?;
                done += 1;
            }
            Outcome::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(of_client) = running.join_next().await {
        done += of_client??;
    }
    Ok(u32::try_from(done as u128 * 1000 / began.elapsed().as_millis())?)
}

fn account(number: usize, round: usize) -> usize {
    enabled(number + round * CLIENTS, ACCOUNTS)
}

fn cell(sorted: &[u32]) -> String {
    let number = |place: usize| thousands(sorted[place] as usize);
    format!("{} ({} to {})", number(sorted.len() / 2), number(0), number(sorted.len() - 1))
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Me => "`me`",
            Self::Refresh => "refresh",
            Self::LogIn => "login, with cheap hashes",
        }
    }

    async fn send(self, client: &mut Client, account: usize) -> Outcome {
        match self {
            Self::Me => client.me().await,
            Self::Refresh => client.refresh().await,
            Self::LogIn => client.log_in(&username(account)).await,
        }
        .map(|_| ())
    }
}
