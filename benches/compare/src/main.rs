//! The benchmark of Portcullis and other servers: `cargo run --release --package compare`.
//!
//! It builds the servers, starts each pinned to one core, and measures every operation from the other core in
//! interleaved rounds. It writes `docs/performance.md` and its plots, which say what was measured.

mod accounts;
mod footprint;
mod generator;
mod hash;
mod http;
mod operation;
mod pgbench;
mod plot;
mod postgres;
mod process;
mod queries;
mod report;
mod rounds;
mod script;
mod server;
mod statistics;
mod table;
mod targets;

use std::{error::Error, fs, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use tempfile::TempDir;

use self::{
    operation::Operation,
    postgres::Postgres,
    rounds::{GENERATOR_CORE, Plan},
    server::{Place, Server, repository},
};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Compares Portcullis with other servers.
#[derive(Parser)]
struct Arguments {
    /// Few and short rounds, for a first look: about two minutes. Writes to target/compare instead of docs
    #[arg(long)]
    quick: bool,
    /// The servers, separated by commas. Default: all. With this, it writes to target/compare
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Server>,
    /// The operations, separated by commas. Default: all. With this, it writes to target/compare
    #[arg(long, value_delimiter = ',')]
    operations: Vec<Operation>,
    /// Starts the servers as they were built before
    #[arg(long)]
    no_build: bool,
    /// The folder for the databases, which should be on a local disk
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Only hashes passwords, for this many milliseconds
    #[arg(long, hide = true)]
    hash_for_ms: Option<u64>,
}

fn main() -> Outcome {
    let arguments = Arguments::parse();
    if let Some(ms) = arguments.hash_for_ms {
        return report::say(&hash::hashes_per_second(Duration::from_millis(ms))?.to_string());
    }
    let plan = arguments.plan();
    let folder = TempDir::with_prefix_in("portcullis-compare-", &arguments.folder)?;
    let mut place = Place {
        repository: fs::canonicalize(repository())?,
        folder: folder.path().to_owned(),
        accounts: folder.path().join("accounts.jsonl"),
        postgres: None,
    };
    accounts::write(&place.accounts)?;
    if !arguments.no_build {
        report::say("builds the servers")?;
        place.build(&plan.servers)?;
    }
    if plan.servers.contains(&Server::PortcullisPostgres) {
        place.postgres = Some(Postgres::start(&place.folder)?);
    }
    pin_to_core(GENERATOR_CORE)?;
    let results = rounds::run_all(&place, &plan)?;
    let footprint = footprint::measure(&place, &plan)?;
    let report = report::Report { plan: &plan, results: &results, footprint: &footprint, place: &place };
    let docs = if arguments.is_partial() {
        place.repository.join("target/compare")
    } else {
        place.repository.join("docs")
    };
    report.write(&docs)
}

impl Arguments {
    fn is_partial(&self) -> bool {
        self.quick || !self.servers.is_empty() || !self.operations.is_empty()
    }

    fn plan(&self) -> Plan {
        let (rounds, length) =
            if self.quick { (2, Duration::from_millis(400)) } else { (5, Duration::from_secs(2)) };
        Plan { servers: or_all(&self.servers), operations: or_all(&self.operations), rounds, length }
    }
}

/// All values, if none are given.
fn or_all<T: ValueEnum>(given: &[T]) -> Vec<T> {
    if given.is_empty() { T::value_variants().to_vec() } else { given.to_vec() }
}

/// Pins this thread, and the threads and processes that it starts.
fn pin_to_core(core: usize) -> Outcome {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}
