//! The rounds: in each one, every operation is measured on every server, one after another.

use std::{collections::BTreeMap, process::Command, time::Duration};

use crate::{
    Outcome,
    generator::{self, Window},
    operation::{Clients, Operation, Sizes, has},
    pgbench::PgBench,
    postgres::run,
    process::{Process, pinned},
    report::say,
    server::{Place, Server},
    statistics::{Spread, percentile},
};

/// The core of the server that is measured.
pub(crate) const SERVER_CORE: &str = "0";

/// The core of the load generator.
pub(crate) const GENERATOR_CORE: usize = 1;

/// The time that server and connections have before responses are counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// The scope of a run.
pub(crate) struct Plan {
    pub(crate) servers: Vec<Server>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) rounds: usize,
    /// The duration of one measurement. A login has twice as long, because there are few of them per second.
    pub(crate) length: Duration,
}

impl Plan {
    pub(crate) fn window(&self, operation: Operation) -> Window {
        let factor = if operation == Operation::Login { 2 } else { 1 };
        Window { warm_up: WARM_UP, length: self.length * factor }
    }
}

/// The measurement of an operation on a server in one round.
pub(crate) struct Measurement {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// The CPU time of the server per request, µs.
    pub(crate) cpu_us: f64,
    /// The part of the time in which the server used its core.
    pub(crate) busy: f64,
}

/// The measurements of all rounds.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) measurements: BTreeMap<(Operation, Server), Vec<Measurement>>,
    /// The hashes per second of the crate argon2 alone, in each round.
    pub(crate) raw_hashes: Vec<f64>,
    /// The transactions per second of pgbench, in each round.
    pub(crate) pgbench: Vec<f64>,
    /// The resident memory after all rounds, KiB.
    pub(crate) loaded_memory_kib: BTreeMap<Server, u32>,
}

/// A server that runs, and its clients.
struct Subject {
    server: Server,
    process: Process,
    clients: Clients,
}

/// Runs all rounds.
pub(crate) fn run_all(place: &Place, plan: &Plan) -> Outcome<Results> {
    let mut subjects = prepare(place, plan)?;
    let pgbench = place.postgres.as_ref().map(PgBench::prepare).transpose()?;
    let mut results = Results::default();
    for round in 0..plan.rounds {
        say(&format!("round {} of {}", round + 1, plan.rounds))?;
        // A server is not always measured after the same other one.
        subjects.rotate_left(1);
        for &operation in &plan.operations {
            for subject in &mut subjects {
                if let Some(measurement) = subject.measure(operation, plan)? {
                    let key = (operation, subject.server);
                    results.measurements.entry(key).or_default().push(measurement);
                }
            }
            if operation == Operation::Login {
                results.raw_hashes.push(raw_hashes(plan.window(operation).length)?);
            }
            if let (Operation::Refresh, Some(pgbench)) = (operation, &pgbench) {
                results.pgbench.push(pgbench.measure(plan.length)?);
            }
        }
    }
    for subject in &subjects {
        results.loaded_memory_kib.insert(subject.server, subject.process.memory_kib()?);
    }
    Ok(results)
}

/// Starts the servers, checks them and prepares their clients.
fn prepare(place: &Place, plan: &Plan) -> Outcome<Vec<Subject>> {
    let mut sizes = Sizes::default();
    let mut subjects = Vec::new();
    for &server in plan.servers.iter().filter(|&&server| server != Server::AxumBare) {
        say(&format!("checks {}", server.name()))?;
        place.import_accounts(server)?;
        let process = place.start(server, SERVER_CORE)?;
        let clients = Clients::prepare(process.port, &plan.operations, &mut sizes)
            .map_err(|error| format!("{}: {error}", server.name()))?;
        subjects.push(Subject { server, process, clients });
    }
    if plan.servers.contains(&Server::AxumBare) {
        let server = Server::AxumBare;
        place.import_accounts(server)?;
        let process = place.start(server, SERVER_CORE)?;
        subjects.push(Subject { server, process, clients: Clients::prepare_bare(&plan.operations, sizes) });
    }
    Ok(subjects)
}

impl Subject {
    /// Measures an operation. `None` if the server does not have it.
    fn measure(&mut self, operation: Operation, plan: &Plan) -> Outcome<Option<Measurement>> {
        if !has(self.server, operation) {
            return Ok(None);
        }
        let Some(scripts) = self.clients.of(operation) else { return Ok(None) };
        let cpu_before = self.process.cpu_time()?;
        let sample = generator::run(self.process.port, scripts, plan.window(operation))
            .map_err(|error| format!("{}, {}: {error}", self.server.name(), operation.name()))?;
        let cpu = self.process.cpu_time()?.saturating_sub(cpu_before).as_secs_f64();
        let mut latencies = sample.latencies;
        if latencies.is_empty() {
            return Err(format!("{}, {}: no response", self.server.name(), operation.name()).into());
        }
        Ok(Some(Measurement {
            per_second: sample.per_second,
            p50_ms: percentile(&mut latencies, 50).as_secs_f64() * 1e3,
            p99_ms: percentile(&mut latencies, 99).as_secs_f64() * 1e3,
            cpu_us: cpu * 1e6 / f64::from(sample.all),
            busy: cpu / sample.duration.as_secs_f64(),
        }))
    }
}

/// Measures the crate argon2 without a server, on the core of the servers.
fn raw_hashes(length: Duration) -> Outcome<f64> {
    let mut hash = Command::new(std::env::current_exe()?);
    hash.args(["--hash-for-ms", &length.as_millis().to_string()]);
    Ok(run(&mut pinned(SERVER_CORE, &hash))?.trim().parse()?)
}

impl Results {
    /// A value of an operation on a server, over all rounds.
    pub(crate) fn spread(
        &self,
        operation: Operation,
        server: Server,
        value: impl Fn(&Measurement) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.measurements.get(&(operation, server))?.iter().map(value))
    }

    /// The requests per second of an operation on a server, in each round.
    pub(crate) fn rates(&self, operation: Operation, server: Server) -> Vec<f64> {
        let measurements = self.measurements.get(&(operation, server));
        measurements.into_iter().flatten().map(|measurement| measurement.per_second).collect()
    }
}

/// The ratios of two rates in the same rounds.
pub(crate) fn ratio(rates: &[f64], others: &[f64]) -> Option<Spread> {
    Spread::of(rates.iter().zip(others).map(|(rate, other)| rate / other))
}
