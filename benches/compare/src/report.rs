//! The tables of a run, for the terminal and for the docs.

use std::{collections::BTreeMap, fs, io::Write, iter::once, path::Path};

use crate::{
    Outcome,
    footprint::Footprint,
    operation::Operation,
    plot::{self, Bar, Panel},
    rounds::{Measurement, Plan, Results, ratio},
    server::{Place, Server},
    statistics::Spread,
    table::{NO_VALUE, number, table, with_range},
    targets::{self, Bound, Target},
};

/// The comments in `performance.md` between which the results are.
const MARKS: [&str; 2] = ["<!-- results: written by the benchmark -->\n", "<!-- end of results -->\n"];

/// Writes a line to the terminal.
pub(crate) fn say(line: &str) -> Outcome {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// The measurements of a run.
pub(crate) struct Report<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) results: &'a Results,
    pub(crate) footprint: &'a Footprint,
    pub(crate) place: &'a Place,
}

impl Report<'_> {
    /// Prints the tables and writes them with the plots to `folder`: between the marks of `performance.md` if it
    /// exists there, and otherwise to a new file.
    pub(crate) fn write(&self, folder: &Path) -> Outcome {
        let text = self.text();
        say(&text)?;
        let plots = folder.join("performance");
        fs::create_dir_all(&plots)?;
        fs::write(plots.join("throughput.svg"), plot::draw(&self.throughput()))?;
        fs::write(plots.join("footprint.svg"), plot::draw(&self.footprint_panels()))?;
        let page = folder.join("performance.md");
        let before = fs::read_to_string(&page).unwrap_or_else(|_| MARKS.concat());
        let (head, rest) = before.split_once(MARKS[0]).ok_or("performance.md has no mark for the results")?;
        let (_, tail) = rest.split_once(MARKS[1]).ok_or("performance.md has no mark after the results")?;
        fs::write(&page, format!("{head}{}{text}\n{}{tail}", MARKS[0], MARKS[1]))?;
        say(&format!("written to {}", page.display()))
    }

    fn text(&self) -> String {
        let images = "![Requests per second of each server](performance/throughput.svg)\n\n\
            ![Start, memory and latency of each server](performance/footprint.svg)";
        let targets = targets::all(self.results, self.footprint, self.place);
        let sections = [
            String::new(),
            images.to_owned(),
            "### Targets\n".to_owned(),
            targets_table(&targets),
            format!("### Portcullis on SQLite, compared with the others\n\n{}", self.ratios()),
            format!("### Requests per second\n\n{}", self.each_cell(rate)),
            format!(
                "### Latency with 32 connections: median / 99th percentile, ms\n\n{}",
                self.each_cell(latency)
            ),
            format!("### CPU time of the server per request, µs\n\n{}", self.each_cell(cpu)),
            format!("### Start, memory, and latency beside hashes\n\n{}", self.footprint_table()),
            self.notes(),
        ];
        sections.join("\n\n").replace("\n\n\n", "\n\n").trim_end().to_owned() + "\n"
    }

    /// How many times as many requests per second Portcullis serves as another server.
    fn ratios(&self) -> String {
        let others = self.plan.servers.iter().copied().filter(|server| *server != Server::Portcullis);
        self.by_operation(others, |operation, server| {
            let ours = self.results.rates(operation, Server::Portcullis);
            let ratio = ratio(&ours, &self.results.rates(operation, server))?;
            Some(format!("{} ×", number(ratio.median)))
        })
    }

    fn each_cell(&self, cell: impl Fn(&Results, Operation, Server) -> Option<String>) -> String {
        let servers = self.plan.servers.iter().copied();
        self.by_operation(servers, |operation, server| cell(self.results, operation, server))
    }

    /// A table with a row for each server and a column for each operation.
    fn by_operation(
        &self,
        servers: impl Iterator<Item = Server>,
        cell: impl Fn(Operation, Server) -> Option<String>,
    ) -> String {
        let operations = &self.plan.operations;
        let header: Vec<&str> = once("").chain(operations.iter().map(|operation| operation.name())).collect();
        table(
            &header,
            servers.map(|server| {
                let cells = operations.iter().map(|&operation| cell(operation, server));
                let cells = cells.map(|cell| cell.unwrap_or_else(|| NO_VALUE.to_owned()));
                once(server.name().to_owned()).chain(cells).collect()
            }),
        )
    }

    fn footprint_table(&self) -> String {
        let footprint = self.footprint;
        let spread = |values: Option<&Vec<f64>>| {
            let spread = values.and_then(|values| Spread::of(values.iter().copied()));
            spread.map_or_else(|| NO_VALUE.to_owned(), with_range)
        };
        let row = |server: &Server| {
            let loaded = self.results.loaded_memory_kib.get(server).map(|&kib| f64::from(kib) / 1024.0);
            vec![
                server.name().to_owned(),
                spread(footprint.start_ms.get(server)),
                spread(footprint.memory_mib.get(server)),
                loaded.map_or_else(|| NO_VALUE.to_owned(), number),
                spread(footprint.p99_beside_hashes_ms.get(server)),
            ]
        };
        let header = [
            "",
            "start, ms",
            "memory at rest, MiB",
            "after all rounds, MiB",
            "p99 of `me` beside hashes, ms",
        ];
        table(&header, self.plan.servers.iter().map(row))
    }

    /// The text beside the tables: the reference rates, and how busy the servers were.
    fn notes(&self) -> String {
        let busy = self.results.measurements.iter().filter(|((operation, server), _)| {
            *operation == Operation::Me && *server != Server::PortcullisPostgres
        });
        let busy = busy.flat_map(|(_, measurements)| measurements).map(|measurement| measurement.busy);
        let busy = Spread::of(busy).map_or_else(String::new, |busy| {
            format!(
                " During `me` the servers used {:.0} % to {:.0} % of their core.",
                busy.min * 100.0,
                busy.max * 100.0
            )
        });
        let reference = |name: &str, rates: &[f64]| {
            let spread = Spread::of(rates.iter().copied());
            spread.map_or_else(String::new, |spread| format!(" {name}: {} per second.", with_range(spread)))
        };
        format!(
            "{} rounds of {} s for each operation.{busy}{}{}",
            self.plan.rounds,
            self.plan.length.as_secs_f64(),
            reference("The crate argon2 alone", &self.results.raw_hashes),
            reference("pgbench", &self.results.pgbench),
        )
    }

    fn throughput(&self) -> Vec<Panel> {
        let panel = |&operation: &Operation| {
            let bars = self.plan.servers.iter().filter_map(|&server| {
                let spread = self.results.spread(operation, server, |measurement| measurement.per_second)?;
                Some(Bar { server, spread })
            });
            Panel { title: format!("{}, requests per second", operation.name()), bars: bars.collect() }
        };
        self.plan.operations.iter().map(panel).collect()
    }

    fn footprint_panels(&self) -> Vec<Panel> {
        let footprint = self.footprint;
        let panels = [
            ("start, ms", &footprint.start_ms),
            ("memory at rest, MiB", &footprint.memory_mib),
            ("p99 of me beside hashes, ms", &footprint.p99_beside_hashes_ms),
        ];
        let panel = |(title, values): (&str, &BTreeMap<Server, Vec<f64>>)| {
            let bars = values.iter().filter_map(|(&server, values)| {
                Some(Bar { server, spread: Spread::of(values.iter().copied())? })
            });
            Panel { title: title.to_owned(), bars: bars.collect() }
        };
        panels.into_iter().map(panel).collect()
    }
}

fn rate(results: &Results, operation: Operation, server: Server) -> Option<String> {
    results.spread(operation, server, |measurement| measurement.per_second).map(with_range)
}

fn latency(results: &Results, operation: Operation, server: Server) -> Option<String> {
    let median =
        |value: fn(&Measurement) -> f64| Some(number(results.spread(operation, server, value)?.median));
    Some(format!(
        "{} / {}",
        median(|measurement| measurement.p50_ms)?,
        median(|measurement| measurement.p99_ms)?
    ))
}

fn cpu(results: &Results, operation: Operation, server: Server) -> Option<String> {
    results.spread(operation, server, |measurement| measurement.cpu_us).map(|spread| number(spread.median))
}

fn targets_table(targets: &[Target]) -> String {
    let row = |target: &Target| {
        let bound = match target.bound {
            Bound::AtLeast(min) => format!("≥ {min}"),
            Bound::AtMost(max) => format!("≤ {max}"),
        };
        let verdict = match target.is_met() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let measured = target.measured.map_or_else(|| NO_VALUE.to_owned(), with_range);
        vec![target.name.to_owned(), format!("{bound}{}", target.unit), measured, verdict.to_owned()]
    };
    table(&["", "target", "measured", ""], targets.iter().map(row))
}
