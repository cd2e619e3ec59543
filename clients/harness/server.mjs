// Starts the server of PORTCULLIS_BIN for a test, with its own port, folder and database. The database is SQLite, or a
// schema of the PostgreSQL server that TEST_DATABASE_URL names (psql must be installed).

import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { readMail } from "./mail.mjs";

/**
 * Starts a server without a throttle and with a clock skew of zero.
 * `settings` are more environment variables; `config` is a configuration file. With `recordsLog` the server's log is in
 * `log()`, otherwise it is printed.
 */
export async function startServer({ settings = {}, config, recordsLog = false } = {}) {
  // The server would read other PORTCULLIS_… variables as configuration keys, and DATABASE_URL as its database.
  const { PORTCULLIS_BIN, TEST_DATABASE_URL: postgres, DATABASE_URL, ...environment } = process.env;
  if (!PORTCULLIS_BIN) throw new Error("PORTCULLIS_BIN must be the path of the portcullis binary.");
  const binary = resolve(PORTCULLIS_BIN);
  const folder = mkdtempSync(join(tmpdir(), "portcullis-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const schema = postgres && (await createSchema(postgres));
  const options = {
    cwd: folder,
    env: {
      ...environment,
      PORTCULLIS_DATA_DIR: folder,
      ...(schema && { PORTCULLIS_DATABASE__URL: schema.url }),
      PORTCULLIS_HTTP__LISTEN: new URL(url).host,
      PORTCULLIS_LIMITS__ENABLED: "false",
      PORTCULLIS_TOKENS__CLOCK_SKEW: "0s",
      PORTCULLIS_LOG__FILTER: "error",
      ...settings,
    },
  };
  const flags = config ? ["--config", config] : [];
  let child;
  let log = "";

  const server = {
    url,
    /** Runs a command of the same binary on the same data. */
    async run(...words) {
      const { stdout } = await promisify(execFile)(binary, [...words, ...flags], options);
      return stdout;
    },
    /** Starts the server, with more environment variables. */
    async start(more = {}) {
      const output = recordsLog ? "pipe" : "inherit";
      child = spawn(binary, flags, {
        ...options,
        env: { ...options.env, ...more },
        stdio: ["ignore", output, output],
      });
      for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (log += chunk));
      const started = child;
      await until(async () => {
        if (started.exitCode !== null) throw new Error(`The server ended with status ${started.exitCode}. ${log}`);
        return (await fetch(`${url}/readyz`).catch(() => null))?.ok;
      });
    },
    /** Everything that the server has logged. */
    log: () => log,
    /** Waits for a message to an address, and returns the newest: `{ to, subject, text, html }`. */
    mailTo(address, subject = /./) {
      return until(() => {
        const mails = readMail(join(folder, "mail")).filter(({ to }) => to === address);
        return mails.findLast((mail) => subject.test(mail.subject));
      });
    },
    /** Stops the server. It can start again with the same data. */
    async stop() {
      if (!child || child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
    async remove() {
      await server.stop();
      await schema?.drop();
      rmSync(folder, { recursive: true, force: true });
    },
    /** Executes an operation without a session, unless a token is given, and returns its data. */
    async ask(query, variables = {}, token) {
      const headers = {
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      };
      const body = JSON.stringify({ query, variables });
      const result = await (await fetch(`${url}/graphql`, { method: "POST", headers, body })).json();
      if (result.errors) throw new Error(JSON.stringify(result.errors));
      return result.data;
    },
    /** Registers a user and returns the payload. */
    async register(username, password = "correct horse battery") {
      const document = `mutation ($input: RegisterInput!) {
        register(input: $input) { accessToken refreshToken user { id } session { id } errors { code } }
      }`;
      return (await server.ask(document, { input: { username, password } })).register;
    },
    /** The id of an account's newest event. A subscription after it misses no later event. */
    async newestEvent(user) {
      const auditor = { username: "auditor", password: "correct horse battery" };
      await server.register(auditor.username, auditor.password);
      await server.run("users", "set-roles", auditor.username, "--role", "admin");
      const login = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
      const { accessToken } = (await server.ask(login, { input: auditor })).login;
      const events = "query ($user: ID!) { auditEvents(first: 1, filter: { user: $user }) { nodes { id } } }";
      return (await server.ask(events, { user }, accessToken)).auditEvents.nodes[0].id;
    },
  };
  await server.start();
  return server;
}

/** Waits until a check returns a truthy value, and returns it. */
export async function until(check, withinMs = 15_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Creates a schema on a PostgreSQL server. Returns a URL that uses only this schema, and a function that drops it. */
async function createSchema(postgres) {
  const name = `portcullis_clients_${randomBytes(8).toString("hex")}`;
  const run = (...statements) =>
    promisify(execFile)("psql", ["-qX", postgres, ...statements.flatMap((statement) => ["-c", statement])]);
  await run(`CREATE SCHEMA ${name}`);
  const join = postgres.includes("?") ? "&" : "?";
  return {
    url: `${postgres}${join}options=-csearch_path%3D${name}`,
    drop: () => run("SET client_min_messages = warning", `DROP SCHEMA ${name} CASCADE`),
  };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
