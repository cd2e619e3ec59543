//! The targets of Portcullis.

use crate::{
    footprint::Footprint,
    operation::Operation,
    rounds::{Results, ratio},
    server::{Place, Server},
    statistics::Spread,
};

/// The bound of a target.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A target, and what was measured.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
    /// `None` if a partial run did not measure it.
    pub(crate) measured: Option<Spread>,
}

impl Target {
    pub(crate) fn is_met(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.bound {
            Bound::AtLeast(min) => median >= min,
            Bound::AtMost(max) => median <= max,
        })
    }
}

/// All targets.
pub(crate) fn all(results: &Results, footprint: &Footprint, place: &Place) -> Vec<Target> {
    let rates = |operation, server| results.rates(operation, server);
    let ours = |operation| rates(operation, Server::Portcullis);
    let at_least = |name, min, rates: &[f64], others: &[f64]| Target {
        name,
        unit: "×",
        bound: Bound::AtLeast(min),
        measured: ratio(rates, others),
    };
    let at_most = |name, unit, max, values: Option<&Vec<f64>>| Target {
        name,
        unit,
        bound: Bound::AtMost(max),
        measured: values.and_then(|values| Spread::of(values.iter().copied())),
    };
    let me = ours(Operation::Me);
    let me_of = |server| rates(Operation::Me, server);
    let on_postgres = rates(Operation::Refresh, Server::PortcullisPostgres);
    #[expect(clippy::cast_precision_loss, reason = "a binary is far smaller than 2^52 bytes")]
    let binary_mib = place.binary_size().ok().map(|bytes| vec![bytes as f64 / 1024.0 / 1024.0]);
    let portcullis = &Server::Portcullis;
    vec![
        at_least("`me`, compared with bare axum", 0.5, &me, &me_of(Server::AxumBare)),
        at_least("`me`, compared with mercurius", 5.0, &me, &me_of(Server::Mercurius)),
        at_least("`me`, compared with Apollo", 30.0, &me, &me_of(Server::Apollo)),
        at_least("`me`, compared with async-graphql", 2.0, &me, &me_of(Server::AsyncGraphql)),
        at_least(
            "25 accounts, compared with mercurius",
            2.0,
            &ours(Operation::Users),
            &rates(Operation::Users, Server::Mercurius),
        ),
        at_least(
            "login, compared with the crate argon2 alone",
            0.95,
            &ours(Operation::Login),
            &results.raw_hashes,
        ),
        at_least(
            "durable refresh on SQLite, compared with the stateless one of mercurius",
            1.0,
            &ours(Operation::Refresh),
            &rates(Operation::Refresh, Server::Mercurius),
        ),
        at_least(
            "refresh on PostgreSQL, compared with pgbench and the same UPDATE",
            0.7,
            &on_postgres,
            &results.pgbench,
        ),
        at_most(
            "p99 of `me` while both cores hash passwords",
            " ms",
            20.0,
            footprint.p99_beside_hashes_ms.get(portcullis),
        ),
        at_most("size of the binary", " MiB", 25.0, binary_mib.as_ref()),
        at_most("start, until the first response", " ms", 60.0, footprint.start_ms.get(portcullis)),
        at_most("memory at rest", " MiB", 40.0, footprint.memory_mib.get(portcullis)),
    ]
}
