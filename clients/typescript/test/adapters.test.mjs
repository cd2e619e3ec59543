// Tests each adapter with its library: ten concurrent operations with a token that the server has revoked.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { createPortcullis } from "@portcullis/client";
import { authLink } from "@portcullis/client/apollo";
import { authFetch } from "@portcullis/client/fetch";
import { createSocket } from "@portcullis/client/graphql-ws";
import { fetchFunction, subscribeFunction } from "@portcullis/client/relay";
import { authConfig } from "@portcullis/client/urql";
import { Client, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import relay from "relay-runtime";
import WebSocket from "ws";

import { startServer, until } from "../../harness/server.mjs";

const ME = "query Me { me { username } }";
const EVENTS = "subscription Events($after: ID) { accountEvents(after: $after) { id action } }";
const DISABLED = { cache: { enabled: false } };
const folder = mkdtempSync(join(tmpdir(), "portcullis-"));
let server;
let people = 0;
let refreshes;

before(async () => {
  const manifest = join(folder, "manifest.json");
  writeFileSync(manifest, JSON.stringify({ me: ME, events: EVENTS }));
  server = await startServer({ settings: { PORTCULLIS_GRAPHQL__TRUSTED_DOCUMENTS: manifest } });
});
after(async () => {
  await server.remove();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  refreshes = 0;
});

async function signedIn() {
  const fetch = (url, init) => {
    if (init.body.includes("refresh(")) refreshes++;
    return globalThis.fetch(url, init);
  };
  const portcullis = createPortcullis({ url: `${server.url}/graphql`, delivery: "body", fetch });
  const username = `person${++people}`;
  await portcullis.register({ username, password: "correct horse battery" });
  return { portcullis, username };
}

/** Revokes the access token by a change of roles. The session continues. */
async function revokeToken({ portcullis, username }) {
  const token = await portcullis.accessToken();
  await server.run("users", "set-roles", username, "--role", "admin");
  await until(async () => (await server.ask(ME, {}, token).catch(() => "revoked")) === "revoked");
}

/** Uses a library's client before and after the revocation, and again after the end of the session. */
async function check(person, ask) {
  assert.equal(await ask(), person.username);
  assert.equal(refreshes, 0);
  await revokeToken(person);
  const names = await Promise.all(Array.from({ length: 10 }, ask));
  assert.deepEqual(names, Array(10).fill(person.username));
  assert.equal(refreshes, 1);
  await server.run("sessions", "revoke", "--user", person.username);
  await until(async () => (await ask().catch(() => null)) !== person.username);
  assert.equal(person.portcullis.state.status, "signedOut");
  assert.equal(refreshes, 2);
}

test("Apollo Client", async () => {
  const person = await signedIn();
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([authLink(person.portcullis), new HttpLink({ uri: person.portcullis.url })]),
  });
  // Apollo would send equal queries once.
  const context = { queryDeduplication: false };
  const options = { query: gql(ME), fetchPolicy: "network-only", context };
  await check(person, async () => (await client.query(options)).data.me.username);
});

test("urql", async () => {
  const person = await signedIn();
  const client = new Client({
    url: person.portcullis.url,
    preferGetMethod: false,
    requestPolicy: "network-only",
    exchanges: [authExchange(authConfig(person.portcullis)), fetchExchange],
  });
  // urql would send equal queries once.
  let asked = 0;
  const ask = () => client.query(`query Me${++asked} { me { username } }`, {}).toPromise();
  await check(person, async () => (await ask()).data.me.username);
});

test("Relay", async () => {
  const person = await signedIn();
  const network = relay.Network.create(fetchFunction(person.portcullis));
  const params = { name: "Me", text: ME, operationKind: "query", id: null, metadata: {} };
  const ask = () => network.execute(params, {}, DISABLED).toPromise();
  await check(person, async () => (await ask()).data.me.username);
});

test("Relay with persisted documents", async () => {
  const person = await signedIn();
  const network = relay.Network.create(fetchFunction(person.portcullis));
  const params = { name: "Me", text: null, operationKind: "query", id: "me", metadata: {} };
  const ask = () => network.execute(params, {}, DISABLED).toPromise();
  await check(person, async () => (await ask()).data.me.username);
});

for (const [how, document] of Object.entries({
  text: { id: null, text: EVENTS },
  name: { id: "events", text: null },
})) {
  test(`Relay's subscriptions by ${how}`, async () => {
    const person = await signedIn();
    const { portcullis, username } = person;
    const socket = createSocket(portcullis, { webSocketImpl: WebSocket });
    const network = relay.Network.create(fetchFunction(portcullis), subscribeFunction(socket));
    const after = await server.newestEvent(portcullis.state.user.id);
    const params = { ...document, name: "Events", operationKind: "subscription", metadata: {} };
    const actions = [];
    const following = network.execute(params, { after }, {}).subscribe({
      next: ({ data }) => actions.push(data.accountEvents.action),
      error: (error) => actions.push(error),
    });
    const login = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
    const input = { username, password: "correct horse battery" };
    await server.ask(login, { input });
    await until(() => actions.length);
    await revokeToken(person);
    await server.ask(login, { input });
    await until(() => actions.length >= 3);
    assert.deepEqual(actions, ["LOGIN_SUCCEEDED", "ROLES_CHANGED", "LOGIN_SUCCEEDED"], "none is lost or twice");
    following.unsubscribe();
    await socket.dispose();
  });
}

/** Starts a service, runs `use` with it, and stops it. */
async function withService(handler, use) {
  const service = createServer(handler);
  await new Promise((resolve) => service.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${service.address().port}`);
  } finally {
    service.closeAllConnections();
    service.close();
  }
}

test("fetch with a service that accepts the token", async () => {
  const person = await signedIn();
  const handler = async (req, res) => {
    const token = req.headers.authorization?.slice("Bearer ".length);
    const { me } = await server.ask(ME, {}, token).catch(() => ({}));
    const body = Buffer.concat(await req.toArray()).toString();
    res.writeHead(me ? 200 : 401).end(JSON.stringify({ username: me?.username, body, token }));
  };
  await withService(handler, async (url) => {
    const fetch = authFetch(person.portcullis, { origins: [url] });
    await check(person, async () => {
      const result = await (await fetch(`${url}/notes`, { method: "POST", body: "a note" })).json();
      assert.equal(result.body, "a note", "the repetition sends the body again");
      return result.username;
    });

    const { portcullis } = await signedIn();
    const elsewhere = await authFetch(portcullis, { origins: ["https://api.example.com"] })(url);
    assert.equal((await elsewhere.json()).token, undefined, "nobody else gets the token");
  });
});

test("fetch with a service that rejects every token refreshes only once", async () => {
  const { portcullis } = await signedIn();
  const tokens = [];
  const handler = (req, res) => {
    tokens.push(req.headers.authorization);
    res.writeHead(401).end();
  };
  await withService(handler, async (url) => {
    const fetch = authFetch(portcullis, { origins: [url] });
    for (let call = 0; call < 10; call++) assert.equal((await fetch(url)).status, 401);
    assert.equal(tokens.length, 11);
    assert.equal(new Set(tokens).size, 2);
    assert.equal(refreshes, 1);

    await portcullis.renew(await portcullis.accessToken());
    await fetch(url);
    assert.equal(refreshes, 3, "another token may have another fate");
  });
});
