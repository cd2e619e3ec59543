import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import { Kind, OperationTypeNode, parse } from "graphql";

import { begin, currentSession, end } from "./session";

type Fields = Record<string, Record<string, unknown> | null>;
type Answer = { data?: Fields | null; errors?: { extensions?: { code?: string } }[] };

/**
 * Sends an operation to /graphql. The access token that an answer brings goes with every later
 * request, unless the headers editor has an Authorization of its own.
 */
export const fetcher = (async (params: FetcherParams, options?: { headers?: HeadersInit }) => {
  const headers = new Headers(options?.headers);
  headers.set("Content-Type", "application/json");
  if (!headers.has("Accept")) {
    headers.set("Accept", "application/graphql-response+json, application/json;q=0.9");
  }
  const sent = headers.has("Authorization") ? undefined : currentSession()?.accessToken;
  if (sent) headers.set("Authorization", `Bearer ${sent}`);

  const response = await fetch("/graphql", {
    method: "POST",
    headers,
    body: JSON.stringify(params),
  });
  const answer = await read(response);
  follow(params, answer, sent);
  return answer;
}) satisfies Fetcher;

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: the answer is not JSON\n${text}`);
  }
}

/** Begins and ends the page's session as the answer says. */
function follow(params: FetcherParams, answer: Answer, sent: string | undefined) {
  const ending = endingFields(params);
  for (const [name, payload] of Object.entries(answer.data ?? {})) {
    if (typeof payload?.accessToken === "string") begin(payload.accessToken);
    const failed = Array.isArray(payload?.errors) && payload.errors.length > 0;
    if (sent && payload && !failed && ending.has(name)) end(sent);
  }
  // Expired or revoked: sending it again would only keep every guarded field shut.
  if (sent && answer.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED")) end(sent);
}

/** Under which names the answer holds the mutations that end the caller's session. */
function endingFields({ query, operationName }: FetcherParams): Set<string> {
  const names = new Set<string>();
  // What does not parse is the server's to explain.
  for (const operation of parsed(query)) {
    if (operation.kind !== Kind.OPERATION_DEFINITION) continue;
    if (operation.operation !== OperationTypeNode.MUTATION) continue;
    if (operationName && operation.name?.value !== operationName) continue;
    for (const field of operation.selectionSet.selections) {
      if (field.kind !== Kind.FIELD) continue;
      if (!["logout", "deleteAccount"].includes(field.name.value)) continue;
      names.add(field.alias?.value ?? field.name.value);
    }
  }
  return names;
}

function parsed(query: string) {
  try {
    return parse(query, { noLocation: true }).definitions;
  } catch {
    return [];
  }
}
