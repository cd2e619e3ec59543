//! Measures the release binary on databases of any size, and makes such databases.
//!
//! `cargo bench --bench measure -- COMMAND --help`; what came of it is in `docs/measurements.md`.

mod client;
mod load;
mod place;
mod replicas;
mod report;
mod revocations;
#[path = "../../tests/it/support/rng.rs"]
mod rng;
mod scale;
mod seed;
mod server;
mod sockets;
mod statuses;

use std::{error::Error, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};

use self::place::Place;

/// What may go wrong in a measurement is for a person to read.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures Portcullis.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Cargo says so.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a database of many accounts, each with a session, for people to try things on
    Seed {
        /// How many accounts
        #[arg(long, default_value_t = 1_000_000)]
        accounts: usize,
        /// The folder for the embedded database and the master secret, as the server's flag has it
        #[arg(long, default_value = "data")]
        data_dir: PathBuf,
        /// postgres://…, in place of the embedded database
        #[arg(long)]
        database: Option<String>,
    },
    /// Compares what requests cost with few accounts and with many
    Scale {
        /// How many are many
        #[arg(long, default_value_t = 1_000_000)]
        accounts: usize,
        /// postgres://…, in place of the embedded database; in schemas of its own, which it drops
        #[arg(long)]
        database: Option<String>,
    },
    /// Measures the status lists of many open sessions, and the time until a service refuses a signed-out token
    Statuses {
        /// How many sessions
        #[arg(long, default_value_t = 1_000_000)]
        sessions: usize,
        /// postgres://…, in place of the embedded database; in a schema of its own, which it drops
        #[arg(long)]
        database: Option<String>,
    },
    /// Measures the memory of many open WebSocket connections
    Sockets {
        /// How many connections
        #[arg(long, default_value_t = 10_000)]
        sockets: u32,
        /// postgres://…, in place of the embedded database; in a schema of its own, which it drops
        #[arg(long)]
        database: Option<String>,
    },
    /// Compares the requests per second of one, two and four servers on one database
    Replicas {
        /// postgres://…; in schemas of its own, which it drops
        #[arg(long)]
        database: String,
        /// How many rounds
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Ends many sessions on one of two servers, and measures when the other one refuses their tokens
    Revocations {
        /// postgres://…; in a schema of its own, which it drops
        #[arg(long)]
        database: String,
        /// How many sessions a second
        #[arg(long, default_value_t = 1000)]
        rate: u32,
        /// For how long
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Sends mixed traffic for some minutes
    Load {
        /// How long
        #[arg(long, default_value_t = 10)]
        minutes: u32,
        /// How many requests a second, in all
        #[arg(long, default_value_t = 800)]
        rate: u32,
        /// postgres://…, in place of the embedded database; in a schema of its own, which it drops
        #[arg(long)]
        database: Option<String>,
    },
}

#[tokio::main]
async fn main() -> Outcome {
    match Arguments::parse().command {
        // `cargo bench` runs every benchmark; these take minutes, so they wait to be asked for.
        None => Ok(()),
        Some(Command::Seed { accounts, data_dir, database }) => {
            let place = Place::given(data_dir, database)?;
            seed::fill(&place, accounts, seed::Hashing::Usual).await
        }
        Some(Command::Scale { accounts, database }) => scale::run(accounts, database.as_deref()).await,
        Some(Command::Statuses { sessions, database }) => {
            Box::pin(statuses::run(sessions, database.as_deref())).await
        }
        Some(Command::Sockets { sockets, database }) => sockets::run(sockets, database.as_deref()).await,
        Some(Command::Replicas { database, rounds }) => replicas::run(&database, rounds).await,
        Some(Command::Revocations { database, rate, seconds }) => {
            revocations::run(&database, rate, seconds).await
        }
        Some(Command::Load { minutes, rate, database }) => {
            load::run(Duration::from_mins(1) * minutes, rate, database.as_deref()).await
        }
    }
}
