//! Start-up, memory, and the latency of a query beside password hashes.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    generator::{self, Window},
    http::Connection,
    operation::Clients,
    report::say,
    rounds::{Plan, SERVER_CORE},
    server::{Place, Server},
    statistics::percentile,
};

/// The time after its start in which a server comes to rest.
const REST: Duration = Duration::from_secs(1);

/// Both cores, for the latency beside hashes.
const BOTH_CORES: &str = "0,1";

/// The number of clients that sign in without a pause.
const HASHING_CLIENTS: usize = 8;

/// The pause between two queries beside hashes.
const PAUSE: Duration = Duration::from_millis(5);

/// The measurements of each server, one value per round.
#[derive(Default)]
pub(crate) struct Footprint {
    /// The time from the start of the process until its first response, ms.
    pub(crate) start_ms: BTreeMap<Server, Vec<f64>>,
    /// The resident memory at rest, MiB.
    pub(crate) memory_mib: BTreeMap<Server, Vec<f64>>,
    /// The 99th percentile of the latency of `me` while all cores hash passwords, ms.
    pub(crate) p99_beside_hashes_ms: BTreeMap<Server, Vec<f64>>,
}

/// Starts each server again in every round. Their databases exist.
pub(crate) fn measure(place: &Place, plan: &Plan) -> Outcome<Footprint> {
    let mut footprint = Footprint::default();
    for round in 0..plan.rounds {
        say(&format!("start-up and memory, round {} of {}", round + 1, plan.rounds))?;
        for &server in &plan.servers {
            let process = place.start(server, SERVER_CORE)?;
            thread::sleep(REST);
            footprint.start_ms.entry(server).or_default().push(process.start.as_secs_f64() * 1e3);
            let memory = f64::from(process.memory_kib()?) / 1024.0;
            footprint.memory_mib.entry(server).or_default().push(memory);
        }
    }
    for round in 0..plan.rounds.min(3) {
        say(&format!("queries beside hashes, round {}", round + 1))?;
        for &server in plan.servers.iter().filter(|&&server| server != Server::AxumBare) {
            let p99 = p99_beside_hashes(place, server, plan.length * 2)
                .map_err(|error| format!("{}: {error}", server.name()))?;
            footprint.p99_beside_hashes_ms.entry(server).or_default().push(p99.as_secs_f64() * 1e3);
        }
    }
    Ok(footprint)
}

/// The 99th percentile of the latency of `me`, while clients sign in without a pause. The server has both cores, and
/// the clients one of them.
fn p99_beside_hashes(place: &Place, server: Server, length: Duration) -> Outcome<Duration> {
    let process = place.start(server, BOTH_CORES)?;
    let (mut logins, me) = Clients::prepare_logins(process.port)?;
    logins.truncate(HASHING_CLIENTS);
    let window = Window { warm_up: Duration::from_millis(500), length };
    let port = process.port;
    thread::scope(|scope| {
        let hashing = scope.spawn(move || generator::run(port, &mut logins, window));
        thread::sleep(window.warm_up);
        let mut connection = Connection::open(port)?;
        let (began, mut latencies) = (Instant::now(), Vec::new());
        while began.elapsed() < window.length {
            let sent_at = Instant::now();
            let (status, body) = connection.send(&me)?;
            latencies.push(sent_at.elapsed());
            if status != 200 || !String::from_utf8_lossy(&body).contains("ada0000") {
                return Err(format!("a wrong response: {}", String::from_utf8_lossy(&body)).into());
            }
            thread::sleep(PAUSE);
        }
        hashing.join().map_err(|_| "the thread of the sign-ins panicked")??;
        Ok(percentile(&mut latencies, 99))
    })
}
