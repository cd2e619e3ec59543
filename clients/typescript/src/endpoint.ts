import { type GraphQLResult, PortcullisError } from "./result.js";
import type { NamedDocument } from "./document.js";

/** The access token and the abort signal of a request. */
export interface SendOptions {
  token?: string | null;
  signal?: AbortSignal | undefined;
}

/** Sends an operation to the server, by the text or the id of its document. */
export type Post = <Data>(
  document: string | NamedDocument,
  variables: object,
  options?: SendOptions,
) => Promise<GraphQLResult<Data>>;

/** The server at a URL. Throws a `PortcullisError` if the response is not from the server. */
export function endpoint(
  url: string,
  credentials: RequestCredentials,
  fetch?: typeof globalThis.fetch,
): Post {
  return async <Data>(document: string | NamedDocument, variables: object, { token, signal }: SendOptions = {}) => {
    const headers = {
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...bearer(token),
    };
    const body = JSON.stringify({ ...documentOf(document), variables });
    const init: RequestInit = { method: "POST", headers, body, credentials };
    if (signal) init.signal = signal;
    let response: Response;
    let text: string;
    try {
      response = await (fetch ?? globalThis.fetch)(url, init);
      text = await response.text();
    } catch (cause) {
      // A caller's abort is rethrown with its reason. A timeout means that the server did not respond.
      if (signal?.aborted && signal.reason?.name !== "TimeoutError") throw signal.reason;
      throw new PortcullisError("The server cannot be reached.", "NETWORK_ERROR", { cause });
    }
    return parse(response, text) as GraphQLResult<Data>;
  };
}

/** The part of the request that names the document: its text, or Apollo's `persistedQuery` extension. */
export function documentOf(document: string | NamedDocument) {
  if (typeof document === "string") return { query: document };
  return { extensions: { persistedQuery: { version: 1, sha256Hash: document.id } } };
}

/** The Authorization header, if there is an access token. */
export function bearer(token: string | null | undefined): { authorization?: string } {
  return token ? { authorization: `Bearer ${token}` } : {};
}

function parse(response: Response, text: string): object {
  try {
    const result: unknown = JSON.parse(text);
    if (typeof result === "object" && result !== null && ("data" in result || "errors" in result))
      return result;
  } catch {
    // Not JSON: handled below.
  }
  // A proxy whose server is down sends a body of its own.
  const code = [502, 503, 504].includes(response.status) ? "SERVICE_UNAVAILABLE" : "INVALID_RESPONSE";
  const retryAfter = Number(response.headers.get("retry-after")) || undefined;
  throw new PortcullisError(`The response is not GraphQL (status ${response.status}).`, code, { retryAfter });
}
