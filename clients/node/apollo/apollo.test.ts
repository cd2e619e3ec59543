// Tests Apollo Client with the links and the cache of client.ts, which docs/guides/apollo.md quotes, as a page uses them.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { CombinedGraphQLErrors, gql, type TypedDocumentNode } from "@apollo/client";
import { filter, firstValueFrom } from "rxjs";
import { admin, ask, createUser, deleteUser, signIn as signInWithout } from "../server";
import { loseNextResponse, sent } from "./browser";
import { client } from "./client";
import { bearer, refresh, signIn, signOut } from "./session";

interface Connection {
  edges: { node: { id: string } }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

const PAGE = "edges { node { id } } pageInfo { hasNextPage endCursor }";

before(async () => {
  assert.deepEqual(await signIn(admin.username, admin.password), []);
  for (let number = 0; number < 7; number++) await createUser(`apollo${number}`, await signInWithout(admin));
});

/** Waits until the page's access token has expired. */
async function expiry(): Promise<void> {
  const token = bearer();
  assert(token);
  for (let tries = 0; tries < 200; tries++) {
    const { errors } = await ask("{ me { id } }", {}, token);
    if (errors?.[0]?.extensions.reason === "TOKEN_EXPIRED") return;
    await setTimeout(50);
  }
  assert.fail("the token does not expire: PORTCULLIS_TOKENS__ACCESS_TTL must be short for this test");
}

test("a wrong password is returned as data", async () => {
  const token = bearer();
  const errors: { code: string }[] = await signIn("apollo0", "not the password");
  assert.equal(errors[0]?.code, "INVALID_CREDENTIALS");
  assert.equal(bearer(), null);
  assert.notEqual(token, null);
});

test("signIn rejects if the server is unavailable", async (t) => {
  const token = bearer();
  const away = { data: null, errors: [{ message: "Busy.", extensions: { code: "SERVICE_UNAVAILABLE" } }] };
  t.mock.method(globalThis, "fetch", async () => Response.json(away));
  await assert.rejects(signIn(admin.username, admin.password), { message: "Busy." });
  assert.equal(bearer(), token);
});

test("a guarded field fails with a reason, and returns data after sign-in", async () => {
  const ME: TypedDocumentNode<{ me: { username: string } }> = gql("{ me { id username } }");
  const refused = client.query({ query: ME, fetchPolicy: "no-cache" });
  await assert.rejects(refused, (error) =>
    CombinedGraphQLErrors.is(error) && error.errors[0]?.extensions?.["reason"] === "TOKEN_MISSING");

  assert.deepEqual(await signIn(admin.username, admin.password), []);
  const { data } = await client.query({ query: ME });
  assert.equal(data?.me.username, "root");
});

test("ten queries with an expired token lead to one refresh and ten responses", async () => {
  const USER: TypedDocumentNode<{ user: { username: string } | null }, { name: string }> =
    gql("query ($name: String!) { user(username: $name) { id username } }");
  await expiry();
  sent.length = 0;
  const names = ["root", ...[0, 1, 2, 3, 4, 5, 6].map((number) => `apollo${number}`), "nobody", "noone"];
  const answers = await Promise.all(names.map((name) =>
    client.query({ query: USER, variables: { name }, fetchPolicy: "network-only" })));
  assert.deepEqual(answers.map(({ data }) => data?.user?.username ?? null), [...names.slice(0, 8), null, null]);
  assert.equal(sent.filter((body) => body.includes("refresh")).length, 1);
});

test("a caller whose expired token was already replaced needs no refresh", async () => {
  const stale = bearer();
  assert(await refresh());
  sent.length = 0;
  assert(await refresh(stale));
  assert.deepEqual(sent, []);
});

test("a lost response to a refresh does not sign out", async () => {
  const stale = bearer();
  sent.length = 0;
  loseNextResponse();
  assert(await refresh());
  assert.equal(sent.length, 2);
  assert.notEqual(bearer(), stale);
  assert(await refresh());
});

test("each refresh attempt ends within the grace period", async (t) => {
  const timeouts: number[] = [];
  t.mock.method(AbortSignal, "timeout", (timeout: number) => {
    timeouts.push(timeout);
    return new AbortController().signal;
  });
  loseNextResponse();
  assert(await refresh());
  assert.equal(timeouts.length, 2);
  assert(timeouts.reduce((sum, timeout) => sum + timeout) < 10_000, "tokens.refresh_grace is 10s");
});

test("a rate-limited refresh does not sign out", async (t) => {
  const token = bearer();
  const refused = { message: "Wait.", extensions: { code: "RATE_LIMITED", retryAfter: 1 } };
  const payload = { accessToken: null, errors: [{ code: "RATE_LIMITED", message: "Wait." }] };
  const fetch = t.mock.method(globalThis, "fetch");
  for (const answer of [{ data: null, errors: [refused] }, { data: { refresh: payload } }]) {
    fetch.mock.mockImplementationOnce(async () => Response.json(answer));
    await assert.rejects(refresh(), { message: "Wait." });
    assert.equal(bearer(), token);
  }
  assert(await refresh());
});

test("signOut ends the session here and on the server", async () => {
  const token = bearer();
  assert(token);
  await signOut();
  assert.equal(bearer(), null);
  assert.equal((await ask("{ me { id } }", {}, token)).errors?.[0]?.extensions.reason, "TOKEN_REVOKED");
  assert.equal(await refresh(), false);
  assert.deepEqual(await signIn(admin.username, admin.password), []);
});

test("signOut rejects if the server is unavailable, and keeps the session", async (t) => {
  const token = bearer();
  const away = { data: null, errors: [{ message: "Busy.", extensions: { code: "SERVICE_UNAVAILABLE" } }] };
  t.mock.method(globalThis, "fetch", async () => Response.json(away));
  await assert.rejects(signOut(), { message: "Busy." });
  assert.equal(bearer(), token);
});

/** Reads three pages of a list, adds an item and removes another between the pages, and returns all ids. */
async function three(
  query: TypedDocumentNode<Record<string, unknown>, { after?: string | null }>,
  connection: (data: Record<string, unknown>) => Connection,
): Promise<string[]> {
  const list = client.watchQuery({ query, variables: {} });
  const shown = () => connection(list.getCurrentResult().data as Record<string, unknown>);
  const subscription = list.subscribe({});
  await firstValueFrom(list.pipe(filter(({ dataState }) => dataState === "complete")));
  for (const name of ["come", "gone"]) {
    const token = await signInWithout(admin);
    const id = await createUser(`${name}${Math.random().toString(36).slice(2)}`, token);
    if (name === "gone") await deleteUser(id, token);
    const { hasNextPage, endCursor } = shown().pageInfo;
    assert(hasNextPage);
    await list.fetchMore({ variables: { after: endCursor } });
  }
  subscription.unsubscribe();
  return shown().edges.map(({ node }) => node.id);
}

const lists = {
  users: gql(`query ($after: String) { users(first: 2, after: $after) { ${PAGE} } }`),
  auditEvents: gql(`query ($after: String) { auditEvents(first: 2, after: $after) { ${PAGE} } }`),
  sessions: gql(`query ($after: String) { me { id sessions(first: 2, after: $after) { ${PAGE} } } }`),
};

for (const [name, query] of Object.entries(lists)) {
  test(`${name}: fetchMore twice gives three pages without duplicates`, async () => {
    const ids = await three(query, (data) =>
      (name === "sessions" ? (data["me"] as { sessions: Connection }).sessions : data[name]) as Connection);
    assert.equal(ids.length, 6);
    assert.equal(new Set(ids).size, 6);
  });
}
