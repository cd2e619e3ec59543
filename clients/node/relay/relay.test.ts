// Tests Relay's runtime with the artifacts that its compiler generated from Accounts.ts.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { admin, ask, createUser, deleteUser, password, signIn } from "../server";
import AppendMutation, { type AccountsAppendMutation } from "./__generated__/AccountsAppendMutation.graphql";
import DeleteMutation, { type AccountsDeleteMutation } from "./__generated__/AccountsDeleteMutation.graphql";
import details, { type Accounts_details$key } from "./__generated__/Accounts_details.graphql";
import EventsSubscription, {
  type AccountsEventsSubscription,
} from "./__generated__/AccountsEventsSubscription.graphql";
import DetailsQuery, { type AccountsDetailsQuery } from "./__generated__/AccountsDetailsQuery.graphql";
import list, { type Accounts_list$data, type Accounts_list$key } from "./__generated__/Accounts_list.graphql";
import NodesQuery, { type AccountsNodesQuery } from "./__generated__/AccountsNodesQuery.graphql";
import PageQuery, { type AccountsPageQuery } from "./__generated__/AccountsPageQuery.graphql";
import PrependMutation, { type AccountsPrependMutation } from "./__generated__/AccountsPrependMutation.graphql";
import AccountsQuery, { type AccountsQuery as Query } from "./__generated__/AccountsQuery.graphql";
import RawPageQuery, { type AccountsRawPageQuery } from "./__generated__/AccountsRawPageQuery.graphql";
import RenameMutation, { type AccountsRenameMutation } from "./__generated__/AccountsRenameMutation.graphql";
import { connect, environment, follow, load, mutate, read } from "./environment";

const order = { field: "USERNAME", direction: "ASC" } as const;
const ids = new Map<string, string>();
let token = "";

/** Creates an account that the tests refer to by name. */
async function make(name: string): Promise<string> {
  const id = await createUser(name, token);
  ids.set(name, id);
  return id;
}

async function remove(name: string): Promise<void> {
  const id = ids.get(name);
  assert(id);
  await deleteUser(id, token);
}

before(async () => {
  token = await signIn(admin);
  for (const name of ["b", "d", "f", "h", "j", "l", "n"]) await make(name);
});

/** A list with its first page loaded, as a page would show it. */
async function screen(first: number | null, last: number | null) {
  const relay = environment(token);
  const root: Accounts_list$key = await load<Query>(relay, AccountsQuery, { first, last, order });
  const users = (): NonNullable<Accounts_list$data["users"]> => {
    const { users } = read(relay, list, root);
    assert(users);
    return users;
  };
  const names = () => users().edges.map(({ node }) => node.username);
  const more = async (variables: Partial<AccountsPageQuery["variables"]>) => {
    await load<AccountsPageQuery>(relay, PageQuery, { order, ...variables });
    return names();
  };
  return { relay, users, names, more };
}

test("a list loads forward until its end", async () => {
  const { names, users, more } = await screen(3, null);
  assert.deepEqual(names(), ["b", "d", "f"]);
  assert.equal(users().totalCount, 8);
  assert.deepEqual(await more({ first: 3, after: users().pageInfo.endCursor }), ["b", "d", "f", "h", "j", "l"]);
  assert.equal(users().pageInfo.hasNextPage, true);
  await more({ first: 3, after: users().pageInfo.endCursor });
  assert.deepEqual(names(), ["b", "d", "f", "h", "j", "l", "n", "root"]);
  assert.equal(users().pageInfo.hasNextPage, false);
  assert.equal(users().pageInfo.hasPreviousPage, false);
});

test("a list loads backward until its start", async () => {
  const { names, users, more } = await screen(null, 3);
  assert.deepEqual(names(), ["l", "n", "root"]);
  await more({ last: 3, before: users().pageInfo.startCursor });
  assert.deepEqual(names(), ["f", "h", "j", "l", "n", "root"]);
  assert.equal(users().pageInfo.hasPreviousPage, true);
  await more({ last: 3, before: users().pageInfo.startCursor });
  assert.deepEqual(names(), ["b", "d", "f", "h", "j", "l", "n", "root"]);
  assert.equal(users().pageInfo.hasPreviousPage, false);
  assert.equal(users().pageInfo.hasNextPage, false);
});

test("a page reports whether there are more pages in both directions", async () => {
  const relay = environment(token);
  const page = async (variables: Omit<AccountsRawPageQuery["variables"], "order">) => {
    const { users } = await load<AccountsRawPageQuery>(relay, RawPageQuery, { order, ...variables });
    assert(users);
    const { hasPreviousPage, hasNextPage } = users.pageInfo;
    return { ...users.pageInfo, around: [hasPreviousPage, hasNextPage], names: users.nodes.map((n) => n.username) };
  };
  const start = await page({ first: 2 });
  assert.deepEqual([start.names, start.around], [["b", "d"], [false, true]]);
  const middle = await page({ first: 2, after: start.endCursor });
  assert.deepEqual([middle.names, middle.around], [["f", "h"], [true, true]]);
  const back = await page({ last: 2, before: middle.startCursor });
  assert.deepEqual([back.names, back.around], [["b", "d"], [false, true]]);
  const end = await page({ last: 2 });
  assert.deepEqual([end.names, end.around], [["n", "root"], [true, false]]);
  const between = await page({ first: 9, after: start.endCursor, before: end.startCursor });
  assert.deepEqual([between.names, between.around], [["f", "h", "j", "l"], [true, true]]);
});

test("accounts that are created or deleted between two pages do not shift the list", async () => {
  const forward = await screen(3, null);
  const backward = await screen(null, 3);
  await make("a");
  await make("g");
  await remove("f"); // the end of the forward page, which its cursor names
  await remove("l"); // the start of the backward page
  await forward.more({ first: 3, after: forward.users().pageInfo.endCursor });
  assert.deepEqual(forward.names(), ["b", "d", "f", "g", "h", "j"]);
  await backward.more({ last: 3, before: backward.users().pageInfo.startCursor });
  assert.deepEqual(backward.names(), ["g", "h", "j", "l", "n", "root"]);
});

test("an account is refetched by its id", async () => {
  const { relay, users } = await screen(1, null);
  const [edge] = users().edges;
  assert(edge);
  const account: Accounts_details$key = edge.node;
  assert.equal(read(relay, details, account).displayName, null);
  const rename = { id: edge.node.id, displayName: "The first" };
  await mutate<AccountsRenameMutation>(environment(token), RenameMutation, { input: rename });
  assert.equal(read(relay, details, account).displayName, null);

  const answer = await load<AccountsDetailsQuery>(relay, DetailsQuery, { id: edge.node.id });
  assert(answer.node);
  assert.equal(read(relay, details, account).displayName, "The first");
  const time: string = read(relay, details, account).createdAt;
  assert(!Number.isNaN(Date.parse(time)));
});

test("nodes are fetched by their ids, in order, with null for a missing one", async () => {
  const relay = environment(token);
  const [h, n] = [ids.get("h"), ids.get("n")];
  assert(h && n);
  const { nodes } = await load<AccountsNodesQuery>(relay, NodesQuery, { ids: [n, ids.get("f") ?? "", h] });
  assert.deepEqual(nodes.map((node) => node && [node.__typename, node.id, node.username]),
    [["User", n, "n"], null, ["User", h, "h"]]);
});

test("a mutation adds a new account to the list and removes a deleted one", async () => {
  const { relay, users, names } = await screen(2, null);
  assert.deepEqual(names(), ["a", "b"]);
  const connections = [users().__id];
  const made = await mutate<AccountsPrependMutation>(relay, PrependMutation,
    { input: { username: "0", password }, connections });
  await mutate<AccountsAppendMutation>(relay, AppendMutation, { input: { username: "z", password }, connections });
  assert.deepEqual(names(), ["0", "a", "b", "z"]);

  const id = made.createUser?.user?.id;
  assert(id);
  await mutate<AccountsDeleteMutation>(relay, DeleteMutation, { input: { id }, connections });
  assert.deepEqual(names(), ["a", "b", "z"]);
  assert.equal(relay.getStore().getSource().get(id), null);
});

test("a user error of a mutation is data, and the list does not change", async () => {
  const { relay, users, names } = await screen(2, null);
  const input = { username: "B", password };
  const { createUser } = await mutate<AccountsPrependMutation>(relay, PrependMutation,
    { input, connections: [users().__id] });
  assert.equal(createUser?.user, null);
  assert.deepEqual(createUser?.errors, [{ code: "USERNAME_TAKEN", field: ["input", "username"] }]);
  assert.deepEqual(names(), ["a", "b"]);
});

test("an event of an account updates its data in the store", async () => {
  const socket = connect(token);
  const relay = environment(token, socket);
  const root: Accounts_list$key = await load<Query>(relay, AccountsQuery, { first: 1, last: null, order });
  const [edge] = read(relay, list, root).users?.edges ?? [];
  assert(edge);
  const account: Accounts_details$key = edge.node;

  const told: string[] = [];
  const hear = (after: string, names: string[]) => new Promise<void>((resolve) => {
    const following = follow<AccountsEventsSubscription>(relay, EventsSubscription, { after }, ({ auditEvents }) => {
      told.push(auditEvents.id);
      names.push(read(relay, details, account).displayName ?? "nobody");
      if (names.length < 2) return;
      following.dispose();
      resolve();
    });
  });
  const rename = (displayName: string) => mutate<AccountsRenameMutation>(environment(token), RenameMutation,
    { input: { id: edge.node.id, displayName } });
  const newest = "{ auditEvents(first: 1) { nodes { id } } }";
  const { data } = await ask<{ auditEvents: { nodes: { id: string }[] } }>(newest, {}, token);
  const [before] = data?.auditEvents.nodes ?? [];
  assert(before);
  const names: string[] = [];
  const hearing = hear(before.id, names);
  await rename("One");
  await rename("Two");
  await hearing;
  assert.equal(names.at(-1), "Two");

  // A new subscription with `after` receives the missed events.
  await rename("Three");
  await rename("Four");
  const [, last] = told;
  assert(last);
  await hear(last, []);
  assert.equal(new Set(told).size, 4);
  assert.equal(read(relay, details, account).displayName, "Four");
  await socket.dispose();
});
