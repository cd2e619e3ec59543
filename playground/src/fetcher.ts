import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import {
  type ExecutionResult,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
} from "graphql";

import { endpoint } from "./endpoint";
import { adopt, session } from "./session";
import { subscribeTo } from "./socket";

/**
 * Sends an operation with the access token of the page's session, unless the headers editor has an Authorization
 * header. If the token has expired or was revoked, it is replaced, and if the login is too old, the user authenticates
 * again. The operation is then repeated once.
 */
export const fetcher = (async (params: FetcherParams, options?: { headers?: HeadersInit }) => {
  const operation = operationOf(params);
  const headers = new Headers(options?.headers);
  if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
    return subscribeTo(params, headers.get("Authorization"));
  }
  if (headers.has("Authorization")) return send(params, headers);

  const client = session();
  const isMutation = operation?.operation === OperationTypeNode.MUTATION;
  let token = await client.accessToken();
  let result = await send(params, headers, token);
  const next = await client.tokenToRepeat(result, token, isMutation);
  if (next) {
    token = next;
    result = await send(params, headers, token);
  }
  if (isMutation) await updateSession(operation, result, token);
  return result;
}) satisfies Fetcher;

async function send(params: FetcherParams, given: Headers, token?: string | null): Promise<ExecutionResult> {
  const headers = new Headers(given);
  headers.set("Content-Type", "application/json");
  if (!headers.has("Accept")) {
    headers.set("Accept", "application/graphql-response+json, application/json;q=0.9");
  }
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const body = JSON.stringify(params);
  const response = await fetch(endpoint, { method: "POST", headers, body }).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: the response is not JSON\n${text}`);
  }
}

/** Starts or ends the page's session according to the result of a mutation. */
async function updateSession(operation: OperationDefinitionNode, { data }: ExecutionResult, token: string | null) {
  for (const payload of Object.values(data ?? {})) {
    const { accessToken, refreshToken } = (payload ?? {}) as Record<string, unknown>;
    if (typeof accessToken === "string") await adopt(accessToken, refreshToken);
  }
  const ending = operation.selectionSet.selections.some(
    (field) => field.kind === Kind.FIELD && ["logout", "deleteAccount"].includes(field.name.value),
  );
  // The mutation may have ended the page's session. A refresh shows whether it did.
  if (ending && token) await session().renew(token);
}

function operationOf({ query, operationName }: FetcherParams) {
  try {
    return getOperationAST(parse(query, { noLocation: true }), operationName);
  } catch {
    // The server reports the syntax error.
    return undefined;
  }
}
