// The server that ../with-server has started for these tests, and who is there.

import assert from "node:assert/strict";
import WebSocket from "ws";

// Node 20 has none of its own.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set: run this by ../with-server`);
  return value;
}

/** Where GraphQL is served. */
export const url = setting("GRAPHQL_URL");

/** Where sockets are opened. */
export const socketUrl = url.replace(/^http/, "ws");

/** The administrator. */
export const admin = { username: "root", password: setting("ADMIN_PASSWORD") };

/** A good password. */
export const password = "correct horse battery";

interface Answer<Data> {
  data?: Data;
  errors?: { message: string; extensions: { code: string; reason?: string } }[];
}

/** Asks without any client. */
export async function ask<Data>(query: string, variables: object, token?: string): Promise<Answer<Data>> {
  return (await post({ query, variables }, token)).json();
}

/** Sends the body of a request, whatever it is. */
export function post(body: object, token?: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
}

/** Signs in, and gives the access token. */
export async function signIn(who: { username: string; password: string }): Promise<string> {
  const login = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
  const { data } = await ask<{ login: { accessToken: string | null } }>(login, { input: who });
  assert(data?.login.accessToken, `${who.username} cannot sign in`);
  return data.login.accessToken;
}

/** Makes an account, and gives its id. */
export async function createUser(username: string, token: string): Promise<string> {
  const create = "mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
  const input = { username, password };
  const { data } = await ask<{ createUser: { user: { id: string } | null } }>(create, { input }, token);
  assert(data?.createUser.user, `${username} cannot be made`);
  return data.createUser.user.id;
}

/** Deletes an account. */
export async function deleteUser(id: string, token: string): Promise<void> {
  const remove = "mutation ($input: DeleteUserInput!) { deleteUser(input: $input) { deletedId } }";
  const { data } = await ask<{ deleteUser: { deletedId: string | null } }>(remove, { input: { id } }, token);
  assert.equal(data?.deleteUser.deletedId, id);
}
