// Tests graphql-ws, the reference client of graphql-transport-ws.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, type Client } from "graphql-ws";
import { socketUrl } from "../server";
import { accountEvents } from "./follow";
import { logOf, newestOf, Person, sleep } from "./people";

const MINE = "subscription ($after: ID) { accountEvents(after: $after) { id action } }";

/** A client that sends only this token and does not retry. */
function connect(token?: string): Client {
  const params = token === undefined ? {} : { connectionParams: { authorization: `Bearer ${token}` } };
  // All operations share one socket: an operation that starts while the last socket closes would fail.
  return createClient({ url: socketUrl, retryAttempts: 0, lazyCloseTimeout: 10_000, ...params });
}

/** Subscribes to the account's events, and returns the code and reason with which the server closes the socket. */
async function closed(client: Client, after?: string, onEvent: () => unknown = () => assert.fail("an event")) {
  const follow = async () => {
    for await (const _ of client.iterate({ query: MINE, variables: { after } })) await onEvent();
  };
  const why = await follow().then(() => assert.fail("the socket is still open"), (error: CloseEvent) => error);
  return [why.code, why.reason];
}

test("events arrive immediately", async () => {
  const ada = await Person.register("ada");
  const client = connect(ada.token);
  const after = await newestOf(ada);
  const events = client.iterate<{ accountEvents: { action: string } }>({ query: MINE, variables: { after } });
  for (let time = 0; time < 2; time += 1) {
    const next = events.next();
    await ada.fail();
    assert.equal((await next).value?.data?.accountEvents.action, "LOGIN_FAILED");
  }
  await events.return?.();
  await client.dispose();
});

test("the socket also executes queries and mutations", async () => {
  const client = connect((await Person.register("barbara")).token);
  const me = await client.iterate<{ me: { username: string } }>({ query: "{ me { username } }" }).next();
  assert.equal(me.value?.data?.me.username, "barbara");
  const update = 'mutation { updateProfile(input: { displayName: "Barbara" }) { user { displayName } } }';
  const updated = await client.iterate<{ updateProfile: { user: object } }>({ query: update }).next();
  assert.deepEqual(updated.value?.data?.updateProfile.user, { displayName: "Barbara" });
  const nonsense = client.iterate({ query: "{ nope }" }).next();
  await assert.rejects(nonsense, ([error]: { extensions: { code: string } }[]) => {
    assert.equal(error?.extensions.code, "GRAPHQL_VALIDATION_FAILED");
    return true;
  });
  await client.dispose();
});

test("an invalid token closes the socket with 4403, and without a token guarded fields fail", async () => {
  assert.deepEqual(await closed(connect("a.b.c")), [4403, "TOKEN_INVALID"]);
  const anonymous = connect();
  const answer = await anonymous.iterate({ query: MINE }).next();
  assert.equal(answer.value?.errors?.[0]?.extensions?.["reason"], "TOKEN_MISSING");
  await anonymous.dispose();
});

test("a socket closes with 4401 when its token expires, and when its session ends", async () => {
  const grace = await Person.register("grace");
  assert.deepEqual(await closed(connect(grace.token)), [4401, "TOKEN_EXPIRED"]);
  const newest = await newestOf(grace);
  await grace.fail();
  const signOut = () => grace.signOut();
  assert.deepEqual(await closed(connect(await grace.refresh()), newest, signOut), [4401, "TOKEN_REVOKED"]);
});

test("no event is lost or repeated, with any number of tokens", async () => {
  const edsger = await Person.register("edsger");
  const newest = await newestOf(edsger);
  const tokens: string[] = [];
  const token = async () => {
    tokens.push(await edsger.refresh());
    return edsger.token;
  };
  const heard: string[] = [];
  const listen = async () => {
    for await (const event of accountEvents(socketUrl, token, newest)) {
      heard.push(event.id);
      if (heard.length === 50) return;
    }
  };
  const write = async () => {
    for (let number = 0; number < 60; number += 1) {
      await edsger.fail();
      await sleep(120);
    }
  };
  await Promise.all([listen(), write()]);
  const log = await logOf(edsger);
  const start = log.indexOf(newest) + 1;
  assert.deepEqual(heard, log.slice(start, start + 50));
  assert(tokens.length > 2, `${tokens.length} tokens`);
});
