// Tests Portcullis in a supergraph, as a client of the gateway.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { admin, createUser, deleteUser, password, signIn } from "../server";
import { posts, serve } from "./posts";
import { compose, gateway as start } from "./supergraph";

let supergraph = "";
let served: Awaited<ReturnType<typeof serve>>;
let gateway: ReturnType<typeof start>;
let root = "";
let ada = "";
const ids: Record<string, string> = {};

before(async () => {
  served = await serve();
  root = await signIn(admin);
  for (const username of ["ada", "bob", "eve"]) ids[username] = await createUser(username, root);
  ada = await signIn({ username: "ada", password });
  posts.set("post_1", { title: "On engines", author: ids.ada! });
  posts.set("post_2", { title: "On bridges", author: ids.bob! });
  posts.set("post_3", { title: "On apples", author: ids.eve! });
  await deleteUser(ids.eve!, root);
  const composed = await compose(served.url);
  assert.deepEqual(composed.errors ?? [], []);
  assert.deepEqual(composed.hints, []);
  supergraph = composed.supergraphSdl!;
  gateway = start(supergraph);
});

after(async () => {
  await gateway?.stop();
  served?.stop();
});

test("the supergraph has the requirements of the fields", () => {
  for (const line of [
    /^ {2}me: User .*@authenticated$/m,
    /^ {2}\): UserConnection .*@requiresScopes\(scopes: \[\["users:read"\]\]\)$/m,
    /^ {2}\): RevokeSessionsPayload @requiresScopes\(scopes: \[\["sessions:write"\]\]\)$/m,
    /"https:\/\/specs.apollo.dev\/authenticated\/v\d+\.\d+", for: SECURITY/,
    /"https:\/\/specs.apollo.dev\/requiresScopes\/v\d+\.\d+", for: SECURITY/,
  ]) assert.match(supergraph, line);
  for (const type of ["User", "Session", "AuditEvent"])
    assert.match(supergraph, new RegExp(`^type ${type} implements Node\\s[^{]*graph: IDENTITY, key: "id"`, "m"));
});

const authors = "{ posts { nodes { title author { id username } } pageInfo { hasNextPage } } }";

test("a post's author comes from Portcullis if the caller may see the account", async () => {
  const seen = async (token?: string) => {
    const { data, errors = [] } = await gateway.ask(authors, token);
    const names: (string | null)[] = data.posts.nodes.map((post: any) => post.author?.username ?? null);
    // The only errors are those of the gateway, for a non-nullable name that is missing.
    const missing = names.flatMap((name, at) => (name === null ? [["posts", "nodes", at, "author", "username"]] : []));
    assert.deepEqual(errors.map(({ path }) => path), missing);
    return names;
  };
  assert.deepEqual(await seen(root), ["ada", "bob", null]);
  assert.deepEqual(await seen(ada), ["ada", null, null]);
  assert.deepEqual(await seen(), [null, null, null]);
});

test("a caller's posts come from the other subgraph", async () => {
  const query = "{ me { username posts { title } } session { current user { posts { title author { username } } } } }";
  const { data, errors } = await gateway.ask(query, ada);
  assert.deepEqual(errors ?? [], []);
  assert.deepEqual(data, {
    me: { username: "ada", posts: [{ title: "On engines" }] },
    session: { current: true, user: { posts: [{ title: "On engines", author: { username: "ada" } }] } },
  });
});

test("a guarded field behind the gateway fails with a reason", async () => {
  const { data, errors } = await gateway.ask("{ me { username } posts { nodes { title } } }");
  assert.equal(data.me, null);
  assert.equal(data.posts.nodes.length, 3);
  assert.deepEqual(errors?.map(({ extensions }) => [extensions?.code, extensions?.reason]), [
    ["UNAUTHENTICATED", "TOKEN_MISSING"],
  ]);
  const others = await gateway.ask("{ users { totalCount } }", ada);
  assert.equal(others.data.users, null);
  assert.equal(others.errors?.[0]?.extensions?.code, "FORBIDDEN");
});

test("the subgraph that resolves node resolves it for the nodes of Portcullis, too", async () => {
  const query = `query ($ids: [ID!]!) {
    nodes(ids: $ids) { __typename id ... on User { username posts { title } } ... on Session { current } ... on Post { title } }
  }`;
  const { data: own } = await gateway.ask("{ session { id } }", ada);
  const { data, errors } = await gateway.ask(query, ada, { ids: [ids.ada, "post_2", own?.session.id, "nothing"] });
  assert.deepEqual(errors ?? [], []);
  assert.deepEqual(data.nodes, [
    { __typename: "User", id: ids.ada, username: "ada", posts: [{ title: "On engines" }] },
    { __typename: "Post", id: "post_2", title: "On bridges" },
    { __typename: "Session", id: own?.session.id, current: true },
    null,
  ]);
});

test("a mutation is executed, and its payload reaches the other subgraph", async () => {
  const rename = `mutation ($input: UpdateProfileInput!) {
    updateProfile(input: $input) { user { displayName posts { title } } errors { code } }
  }`;
  const { data, errors } = await gateway.ask(rename, ada, { input: { displayName: "Ada" } });
  assert.deepEqual(errors ?? [], []);
  assert.deepEqual(data.updateProfile.user, { displayName: "Ada", posts: [{ title: "On engines" }] });
});
