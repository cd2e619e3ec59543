use std::time::Duration;

use crate::{
    Outcome,
    operation::CONNECTIONS,
    postgres::{Postgres, run},
    process::pinned,
    rounds::SERVER_CORE,
};

/// The sessions of the table, of which each client of pgbench updates its own eight.
const SETUP: &str = "
    CREATE TABLE pgbench_sessions (LIKE sessions INCLUDING ALL);
    INSERT INTO pgbench_sessions SELECT * FROM sessions ORDER BY id LIMIT 264;
    ALTER TABLE pgbench_sessions ADD COLUMN number integer;
    UPDATE pgbench_sessions SET number = numbered.number
        FROM (SELECT id, row_number() OVER () - 1 AS number FROM pgbench_sessions) AS numbered
        WHERE numbered.id = pgbench_sessions.id;
    CREATE UNIQUE INDEX ON pgbench_sessions (number);
    VACUUM ANALYZE pgbench_sessions";

/// The UPDATE of a refresh.
const SCRIPT: &str = r"\set number :client_id * 8 + random(0, 7)
UPDATE pgbench_sessions SET generation = generation + 1, salt_hash = sha256(salt_hash),
  last_used_at = (extract(epoch FROM now()) * 1000)::bigint, repetitions = 0,
  expires_at = CASE WHEN ends_at < expires_at + 1 THEN ends_at ELSE expires_at + 1 END,
  ip_address = '127.0.0.1', user_agent = NULL
  WHERE number = :number AND generation >= 0 AND revoked_at IS NULL AND expires_at > 0 RETURNING *;
";

/// pgbench with the UPDATE of a refresh, on a copy of the table of sessions.
pub(crate) struct PgBench<'a> {
    postgres: &'a Postgres,
}

impl<'a> PgBench<'a> {
    /// Copies the sessions, which must exist.
    pub(crate) fn prepare(postgres: &'a Postgres) -> Outcome<Self> {
        for statement in SETUP.split(';') {
            postgres.sql(statement)?;
        }
        Ok(Self { postgres })
    }

    /// Runs pgbench with as many clients as a server has. Returns the transactions per second.
    pub(crate) fn measure(&self, length: Duration) -> Outcome<f64> {
        let script = self.postgres.file("refresh.sql", SCRIPT)?;
        let mut pgbench = self.postgres.pgbench();
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--client", &CONNECTIONS.to_string()]);
        pgbench.arg("--time").arg(length.as_secs().max(1).to_string()).arg("--file").arg(script);
        pgbench.arg(&self.postgres.url);
        let output = run(&mut pinned(SERVER_CORE, &pgbench))?;
        let tps = output.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        Ok(tps.ok_or("pgbench prints no tps")?.parse()?)
    }
}
