// Executes the documents that GraphQL Code Generator's client preset generated from documents.ts, with fetch.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, password } from "../server";
import { Login, Logout, Me, Refresh, Register, Sessions } from "./documents";
import type { TypedDocumentString, UserErrorCode } from "./generated/graphql";

/** Sends an operation with its generated types. */
async function execute<Data, Variables extends object>(
  document: TypedDocumentString<Data, Variables>, variables: Variables, token?: string,
) {
  return ask<Data>(document.toString(), variables, token);
}

/** The text that a page shows for an error. It compiles only if every code has a text. */
function sentence(code: UserErrorCode): string {
  switch (code) {
    case "INVALID_CREDENTIALS": return "Wrong username or password.";
    case "INVALID_REFRESH_TOKEN": return "Sign in again.";
    case "ACCOUNT_DISABLED": return "Your account is disabled.";
    case "RATE_LIMITED": return "Wait a moment.";
    case "USERNAME_TAKEN": return "Choose another name.";
    case "USERNAME_INVALID": return "This name is not valid.";
    case "EMAIL_INVALID": return "This is not an e-mail address.";
    case "EMAIL_TAKEN": return "This address belongs to another account.";
    case "EMAIL_NOT_VERIFIED": return "Verify your address first.";
    case "INVALID_CHALLENGE": return "Request a new message.";
    case "INVALID_CODE": return "The code is wrong.";
    case "SECOND_FACTOR_REQUIRED": return "Enter the code of your authenticator app.";
    case "PASSKEY_REJECTED": return "This passkey was not accepted.";
    case "LIMIT_REACHED": return "Delete one first.";
    case "LAST_LOGIN_METHOD": return "You could no longer sign in.";
    case "PASSWORD_TOO_SHORT": return "Choose a longer password.";
    case "PASSWORD_TOO_LONG": return "Choose a shorter password.";
    case "PASSWORD_TOO_WEAK": return "Choose a stronger password.";
    case "REGISTRATION_CLOSED": return "Ask an administrator for an account.";
    case "NOT_FOUND": return "Not found.";
    case "UNKNOWN_ROLE": return "The role does not exist.";
    case "CURRENT_PASSWORD_REQUIRED": return "Enter your current password.";
    case "LAST_ADMIN": return "One administrator must remain.";
    default: return code satisfies never;
  }
}

test("a user registers, is refused, refreshes, lists sessions and signs out", async () => {
  const input = { username: "codegen", password };
  const registered = (await execute(Register, { input })).data?.register;
  assert(registered?.accessToken && registered.refreshToken && registered.user);
  const since: string = registered.user.createdAt;
  assert(!Number.isNaN(Date.parse(since)));

  const wrong = (await execute(Login, { input: { ...input, password: "not this one" } })).data?.login;
  assert(wrong?.errors[0]);
  assert.equal(wrong.accessToken, null);
  assert.equal(sentence(wrong.errors[0].code), "Wrong username or password.");

  const refused = await execute(Me, {});
  assert.equal(refused.errors?.[0]?.extensions.reason, "TOKEN_MISSING");
  assert.equal(refused.data?.me, null);

  const refreshToken = registered.refreshToken;
  const refreshed = (await execute(Refresh, { input: { refreshToken } })).data?.refresh;
  assert(refreshed?.accessToken);
  const token = refreshed.accessToken;
  assert.deepEqual((await execute(Me, {}, token)).data?.me?.roles, ["user"]);

  for (const _ of [1, 2]) await execute(Login, { input });
  const ids = new Set<string>();
  const page = async (after: string | null) => {
    const { data } = await execute(Sessions, { first: 2, after }, token);
    assert(data?.me?.sessions);
    return data.me.sessions;
  };
  let after: string | null = null;
  for (const size of [2, 1]) {
    const sessions = await page(after);
    assert.equal(sessions.totalCount, 3);
    assert.equal(sessions.nodes.length, size);
    assert.equal(sessions.pageInfo.hasNextPage, size === 2);
    sessions.nodes.forEach(({ id }) => ids.add(id));
    after = sessions.pageInfo.endCursor ?? null;
  }
  assert.equal(ids.size, 3);

  assert.deepEqual((await execute(Logout, {}, token)).data?.logout.errors, []);
  const late = await execute(Me, {}, token);
  assert.equal(late.errors?.[0]?.extensions.reason, "TOKEN_REVOKED");
});
