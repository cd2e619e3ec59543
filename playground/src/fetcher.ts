import { isRefused } from "@portcullis/client";
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
import { follow } from "./socket";

/**
 * Sends an operation, with the access token of the page's session unless the headers editor has an
 * Authorization of its own. A token that has expired or is void is replaced, and the operation sent once more.
 */
export const fetcher = (async (params: FetcherParams, options?: { headers?: HeadersInit }) => {
  const operation = operationOf(params);
  const headers = new Headers(options?.headers);
  if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
    return follow(params, headers.get("Authorization"));
  }
  if (headers.has("Authorization")) return send(params, headers);

  const client = session();
  const isMutation = operation?.operation === OperationTypeNode.MUTATION;
  let token = await client.accessToken();
  let answer = await send(params, headers, token);
  if (token && isRefused(answer, isMutation)) {
    token = await client.renew(token);
    if (token) answer = await send(params, headers, token);
  }
  if (isMutation) await keepUp(operation, answer, token);
  return answer;
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
    throw new Error(`${response.status} ${response.statusText}: the answer is not JSON\n${text}`);
  }
}

/** Begins and ends the page's session as the answer to a mutation says. */
async function keepUp(operation: OperationDefinitionNode, { data }: ExecutionResult, token: string | null) {
  for (const payload of Object.values(data ?? {})) {
    const { accessToken, refreshToken } = (payload ?? {}) as Record<string, unknown>;
    if (typeof accessToken === "string") await adopt(accessToken, refreshToken);
  }
  const ending = operation.selectionSet.selections.some(
    (field) => field.kind === Kind.FIELD && ["logout", "deleteAccount"].includes(field.name.value),
  );
  // It may have ended the page's session: the server knows.
  if (ending && token) await session().renew(token);
}

function operationOf({ query, operationName }: FetcherParams) {
  try {
    return getOperationAST(parse(query, { noLocation: true }), operationName);
  } catch {
    // What does not parse is the server's to explain.
    return undefined;
  }
}
