// Tests Apollo Client with a server that executes only the documents in its manifest.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { generatePersistedQueryIdsFromManifest } from "@apollo/persisted-query-lists";
import { admin, url } from "../server";
import { LOGIN, ME, SERVER } from "./operations";
import { fetchAndNote, sent } from "./wire";

const loadManifest = async () => (await import("./generated/apollo.json")).default;
let token: string | null = null;

const authorized = new ApolloLink((operation, forward) => {
  if (token) operation.setContext({ headers: { authorization: `Bearer ${token}` } });
  return forward(operation);
});
const named = new PersistedQueryLink(generatePersistedQueryIdsFromManifest({ loadManifest }));
const http = new HttpLink({ uri: url, fetch: fetchAndNote });
const client = new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([authorized, named, http]) });

test("documents of the manifest are executed by their ids, without registration", async () => {
  const { data } = await client.query({ query: SERVER });
  assert(data?.server.version);
  const variables = { input: { username: admin.username, password: admin.password } };
  token = (await client.mutate({ mutation: LOGIN, variables })).data?.login.accessToken ?? null;
  assert.equal((await client.query({ query: ME })).data?.me.username, admin.username);
  assert(sent.length === 3 && sent.every(({ query }) => query === undefined));
});

test("any other document is rejected", async () => {
  const plain = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: url }) });
  await assert.rejects(plain.query({ query: gql`query Other { server { registrationOpen } }` }), (error) => {
    assert(CombinedGraphQLErrors.is(error));
    assert.equal(error.errors[0]?.extensions?.["code"], "UNTRUSTED_DOCUMENT");
    return true;
  });
});
