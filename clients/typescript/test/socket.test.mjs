import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createPortcullis } from "@portcullis/client";
import { createSocket } from "@portcullis/client/graphql-ws";
import WebSocket from "ws";

import { startServer, until } from "../../harness/server.mjs";

const password = "correct horse battery";
const EVENTS = "subscription ($after: ID) { accountEvents(after: $after) { id action } }";
const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
let server;
let portcullis;
let socket;
/** The events of the sockets: connected, or their close code and reason. */
let story;
/** The number of sockets before each wait for the next one. */
let waits;
/** Whether refreshes fail, although sockets can be opened. */
let isAway;
/** The newest event before the subscription starts. A socket is "connected" before its subscription is active. */
let newest;

afterEach(async () => {
  await socket.dispose();
  await server.remove();
});

async function start(settings) {
  server = await startServer({ settings });
  isAway = false;
  const fetch = async (...request) =>
    isAway ? new Response("<h1>Bad Gateway</h1>", { status: 502 }) : globalThis.fetch(...request);
  portcullis = createPortcullis({ url: `${server.url}/graphql`, delivery: "body", fetch });
  await portcullis.register({ username: "ada", password });
  newest = await server.newestEvent(portcullis.state.user.id);
  story = [];
  waits = [];
  let sockets = 0;
  socket = createSocket(portcullis, {
    webSocketImpl: WebSocket,
    async retryWait() {
      waits.push(sockets);
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
    on: {
      connecting: () => sockets++,
      connected: () => story.push("connected"),
      closed: ({ code, reason }) => story.push(`${code} ${reason}`),
    },
  });
}

/** Subscribes to the account's events after its registration. */
function follow(variables = { after: newest }) {
  const heard = { actions: [], errors: [], completed: false };
  socket.subscribe(
    { query: EVENTS, variables },
    {
      next({ data, errors }) {
        if (errors) heard.errors.push(errors[0].extensions.reason);
        if (data?.accountEvents) heard.actions.push(data.accountEvents.action);
      },
      error: (error) => heard.errors.push(error),
      complete: () => {
        heard.completed = true;
      },
    },
  );
  return heard;
}

/** Signs in elsewhere. */
const login = () => server.ask(LOGIN, { input: { username: "ada", password } });

test("the socket sends the token", async () => {
  await start();
  const heard = follow();
  await login();
  await until(() => heard.actions.length);
  assert.deepEqual(heard.actions, ["LOGIN_SUCCEEDED"]);
  assert.deepEqual(heard.errors, []);
});

test("no event is lost when the token of the socket expires", async () => {
  await start({ PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  const heard = follow();
  let logins = 0;
  await until(async () => {
    await login();
    logins++;
    return story.filter((event) => event === "connected").length === 3;
  });
  await until(() => heard.actions.length >= logins);
  assert.deepEqual(new Set(heard.actions), new Set(["LOGIN_SUCCEEDED"]));
  assert.equal(heard.actions.length, logins);
  assert.deepEqual(story.slice(0, 3), ["connected", "4401 TOKEN_EXPIRED", "connected"]);
  assert.deepEqual(heard.errors, []);
});

test("no event is lost while the server is unavailable, also with an iterator", async () => {
  await start();
  const events = socket.iterate({ query: EVENTS, variables: { after: newest } });
  const first = events.next();
  await login();
  assert.equal((await first).value.data.accountEvents.action, "LOGIN_SUCCEEDED");
  await server.stop();
  await server.run("users", "set-roles", "ada", "--none");
  await server.run("users", "set-roles", "ada", "--role", "user");
  await server.start();
  for (const { value } of [await events.next(), await events.next()]) {
    assert.equal(value.data.accountEvents.action, "ROLES_CHANGED");
  }
});

test("a change of roles replaces the token, and the subscription continues", async () => {
  await start();
  const heard = follow();
  await until(() => story.length);
  await server.run("users", "set-roles", "ada", "--role", "admin");
  await until(() => story.length === 3);
  assert.deepEqual(story, ["connected", "4401 TOKEN_REVOKED", "connected"]);
  await login();
  await until(() => heard.actions.includes("LOGIN_SUCCEEDED"));
  assert.deepEqual(heard.errors, []);
});

test("the end of the session ends the subscription", async () => {
  await start();
  const heard = follow({});
  await until(() => story.length);
  await server.run("sessions", "revoke", "--user", "ada");
  await until(() => heard.completed || heard.errors.length);
  assert.deepEqual(portcullis.state, { status: "signedOut" });
  assert.deepEqual(heard, { actions: [], errors: ["TOKEN_MISSING"], completed: true });
});

test("a signed-out user gets public fields, and errors for guarded ones", async () => {
  await start();
  await portcullis.logout();
  const heard = follow();
  await until(() => heard.completed);
  assert.deepEqual(heard.errors, ["TOKEN_MISSING"]);
  const { value } = await socket.iterate({ query: "{ server { registrationOpen } }" }).next();
  assert.deepEqual(value.data, { server: { registrationOpen: true } });
});

test("the socket reconnects after the server was unavailable for long", async () => {
  await start();
  const heard = follow();
  await until(() => story.length);
  await server.stop();
  await until(() => waits.length > 6);
  await server.start();
  await until(() => story.filter((event) => event === "connected").length === 2);
  await login();
  await until(() => heard.actions.includes("LOGIN_SUCCEEDED"));
  assert.deepEqual(heard.errors, []);
});

test("only the first attempt after the end of a token is immediate", async () => {
  await start({ PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  const heard = follow();
  await until(() => story.length);
  isAway = true;
  await until(() => waits.length > 6);
  assert.deepEqual(waits.slice(0, 3), [2, 3, 4]);
  assert.deepEqual(new Set(story), new Set(["connected", "4401 TOKEN_EXPIRED", "4499 Terminated"]));
  isAway = false;
  await until(() => story.at(-1) === "connected");
  await login();
  await until(() => heard.actions.includes("LOGIN_SUCCEEDED"));
  assert.deepEqual(heard.errors, []);
});
