// Tests Relay with a server that executes only the documents that relay-compiler has persisted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Environment, fetchQuery, Network, RecordSource, Store, type FetchFunction, type GraphQLResponse } from "relay-runtime";
import { admin, post } from "../server";
import { mutate } from "../relay/environment";
import LoginMutation, { type MeLoginMutation } from "./relay/__generated__/MeLoginMutation.graphql";
import MeQuery, { type MeQuery as Me } from "./relay/__generated__/MeQuery.graphql";

let token: string | undefined;

const fetchByName: FetchFunction = async ({ id, text }, variables) => {
  assert(id && text === null, "the compiler has replaced the text with an id");
  const extensions = { persistedQuery: { version: 1, sha256Hash: id } };
  return (await (await post({ extensions, variables }, token)).json()) as GraphQLResponse;
};
const environment = new Environment({ network: Network.create(fetchByName), store: new Store(new RecordSource()) });

test("persisted documents are executed by their ids, without registration", async () => {
  const input = { username: admin.username, password: admin.password };
  const { login } = await mutate<MeLoginMutation>(environment, LoginMutation, { input });
  token = login?.accessToken ?? undefined;
  const data = await fetchQuery<Me>(environment, MeQuery, {}).toPromise();
  assert.equal(data?.me?.username, admin.username);
});

test("the id may be in `doc_id` or `documentId`", async () => {
  const id = MeQuery.params.id;
  for (const body of [{ doc_id: id }, { documentId: id }]) {
    const { data } = await (await post({ ...body, variables: {} }, token)).json();
    assert.equal(data.me.username, admin.username);
  }
});

test("any other document is rejected", async () => {
  const answer = await post({ query: "{ me { email } }" }, token);
  assert.equal(answer.status, 403);
});
