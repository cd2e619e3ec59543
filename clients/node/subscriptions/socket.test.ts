// graphql-ws, the reference client of graphql-transport-ws.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, type Client } from "graphql-ws";
import { admin, signIn } from "../server";
import { accountEvents } from "./follow";
import { logOf, Person, sleep, socketUrl } from "./people";

const MINE = "subscription { accountEvents { id action } }";

/** A client that says no more than this token, and does not try again. */
function connect(token?: string): Client {
  const params = token === undefined ? {} : { connectionParams: { authorization: `Bearer ${token}` } };
  return createClient({ url: socketUrl, retryAttempts: 0, ...params });
}

/** With which code and reason the server closes a client's socket while this is followed. */
async function closed(client: Client, meanwhile?: () => Promise<void>) {
  const follow = async () => {
    for await (const _ of client.iterate({ query: MINE })) assert.fail("no event is expected");
  };
  const following = follow();
  following.catch(() => undefined);
  await sleep(200);
  await meanwhile?.();
  const why = await following.then(() => assert.fail("the socket stays open"), (error: CloseEvent) => error);
  return [why.code, why.reason];
}

test("events come as they happen", async () => {
  const ada = await Person.register("ada");
  const client = connect(ada.token);
  const events = client.iterate<{ accountEvents: { action: string } }>({ query: MINE });
  const first = events.next();
  await sleep(200);
  await ada.fail();
  assert.equal((await first).value?.data?.accountEvents.action, "LOGIN_FAILED");
  await events.return?.();
  await client.dispose();
});

test("queries and mutations go through the socket as well", async () => {
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

test("a wrong token is refused with 4403, and none opens nothing that is guarded", async () => {
  assert.deepEqual(await closed(connect("a.b.c")), [4403, "TOKEN_INVALID"]);
  const anonymous = connect();
  const answer = await anonymous.iterate({ query: MINE }).next();
  assert.equal(answer.value?.errors?.[0]?.extensions?.["reason"], "TOKEN_MISSING");
  await anonymous.dispose();
});

test("a socket ends with 4401 when its token expires, and when its session is over", async () => {
  const grace = await Person.register("grace");
  assert.deepEqual(await closed(connect(grace.token)), [4401, "TOKEN_EXPIRED"]);
  const signOut = () => grace.signOut();
  assert.deepEqual(await closed(connect(await grace.refresh()), signOut), [4401, "TOKEN_REVOKED"]);
});

test("no event is lost and none comes twice, however many tokens it takes", async () => {
  const edsger = await Person.register("edsger");
  const [first] = await logOf(edsger.id, await signIn(admin));
  const tokens: string[] = [];
  const token = async () => {
    tokens.push(await edsger.refresh());
    return edsger.token;
  };
  const heard: string[] = [];
  const listen = async () => {
    for await (const event of accountEvents(socketUrl, token, first)) {
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
  const log = await logOf(edsger.id, await signIn(admin));
  assert.deepEqual(heard, log.slice(1, 51));
  assert(tokens.length > 2, `${tokens.length} tokens`);
});
