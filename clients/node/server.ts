// The server that ../with-server has started for these tests, and its accounts.

import assert from "node:assert/strict";
import WebSocket from "ws";

// Node 20 has no WebSocket.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set: run this by ../with-server`);
  return value;
}

/** The URL of the GraphQL endpoint. */
export const url = setting("GRAPHQL_URL");

/** The URL of the WebSocket endpoint. */
export const socketUrl = url.replace(/^http/, "ws");

/** The administrator. */
export const admin = { username: "root", password: setting("ADMIN_PASSWORD") };

/** A password that the policy accepts. */
export const password = "correct horse battery";

interface GraphQLResult<Data> {
  data?: Data;
  errors?: { message: string; extensions: { code: string; reason?: string } }[];
}

/** Executes an operation without a client library. */
export async function ask<Data>(query: string, variables: object, token?: string): Promise<GraphQLResult<Data>> {
  return (await post({ query, variables }, token)).json();
}

/** Sends a request with any body. */
export function post(body: object, token?: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
}

/** Signs in and returns the access token. */
export async function signIn(who: { username: string; password: string }): Promise<string> {
  const login = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
  const { data } = await ask<{ login: { accessToken: string | null } }>(login, { input: who });
  assert(data?.login.accessToken, `${who.username} cannot sign in`);
  return data.login.accessToken;
}

/** Creates an account and returns its id. */
export async function createUser(username: string, token: string): Promise<string> {
  const create = "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
  const input = { username, password };
  const { data } = await ask<{ createUser: { user: { id: string } | null } }>(create, { input }, token);
  assert(data?.createUser.user, `${username} cannot be created`);
  return data.createUser.user.id;
}

/** Deletes an account. */
export async function deleteUser(id: string, token: string): Promise<void> {
  const remove = "mutation ($input: DeleteUserInput!) { deleteUser(input: $input) { deletedId } }";
  const { data } = await ask<{ deleteUser: { deletedId: string | null } }>(remove, { input: { id } }, token);
  assert.equal(data?.deleteUser.deletedId, id);
}
