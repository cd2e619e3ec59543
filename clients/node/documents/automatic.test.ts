// Tests automatic persisted queries with Apollo Client's own link.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { admin, url } from "../server";
import { LOGIN, SERVER } from "./operations";
import { fetchAndNote, sent } from "./wire";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A client that has sent nothing yet. */
function client(useGETForHashedQueries: boolean) {
  const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
  const link = ApolloLink.from([persisted, new HttpLink({ uri: url, fetch: fetchAndNote })]);
  return new ApolloClient({ cache: new InMemoryCache(), link });
}

const ask = (apollo: ApolloClient) => apollo.query({ query: SERVER, fetchPolicy: "network-only" });

beforeEach(() => sent.splice(0));

test("an unknown query is sent in full once, and then by its hash, for all clients", async () => {
  const first = client(true);
  await ask(first);
  await ask(first);
  await ask(client(true));
  assert.deepEqual(sent.map(({ method, query }) => [method, query !== undefined]), [
    ["GET", false],
    ["POST", true],
    ["GET", false],
    ["GET", false],
  ]);
});

test("a mutation is sent by its hash with POST", async () => {
  const variables = { input: { username: admin.username, password: admin.password } };
  for (const apollo of [client(true), client(true)]) {
    const { data } = await apollo.mutate({ mutation: LOGIN, variables });
    assert(data?.login.accessToken);
  }
  assert.deepEqual(sent.map(({ method, query }) => [method, query !== undefined]), [
    ["POST", false],
    ["POST", true],
    ["POST", false],
  ]);
});

test("a public response may be cached, and is not sent twice", async () => {
  await ask(client(true));
  const query = new URLSearchParams({
    query: "query Version { server { version } }",
    extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash: sha256("query Version { server { version } }") } }),
  });
  const answer = await fetch(`${url}?${query}`);
  assert.match(answer.headers.get("cache-control") ?? "", /^public/);
  query.delete("query");
  const headers = { "if-none-match": answer.headers.get("etag") ?? "" };
  assert.equal((await fetch(`${url}?${query}`, { headers })).status, 304);
});
