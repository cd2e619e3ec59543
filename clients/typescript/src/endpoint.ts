import { type Answer, PortcullisError } from "./answer.js";
import type { NamedDocument } from "./document.js";

/** What is sent with an operation. */
export interface Sending {
  token?: string | null;
  signal?: AbortSignal | undefined;
}

/** Sends an operation to the server: the text of its document, or the name. */
export type Post = <Data>(document: string | NamedDocument, variables: object, sending?: Sending) => Promise<Answer<Data>>;

/** The server at a URL. Whatever is not its answer becomes a `PortcullisError`. */
export function endpoint(
  url: string,
  credentials: RequestCredentials,
  fetch?: typeof globalThis.fetch,
): Post {
  return async <Data>(document: string | NamedDocument, variables: object, { token, signal }: Sending = {}) => {
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
      // Who aborts gives the reason; a signal whose time is up has waited for the server.
      if (signal?.aborted && signal.reason?.name !== "TimeoutError") throw signal.reason;
      throw new PortcullisError("The server cannot be reached.", "NETWORK_ERROR", { cause });
    }
    return parse(response, text) as Answer<Data>;
  };
}

/** How an operation says what to execute. By name it is as Apollo's persisted queries have it. */
export function documentOf(document: string | NamedDocument) {
  if (typeof document === "string") return { query: document };
  return { extensions: { persistedQuery: { version: 1, sha256Hash: document.id } } };
}

/** The header that bears an access token, where there is one. */
export function bearer(token: string | null | undefined): { authorization?: string } {
  return token ? { authorization: `Bearer ${token}` } : {};
}

function parse(response: Response, text: string): object {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null && ("data" in answer || "errors" in answer))
      return answer;
  } catch {
    // Below.
  }
  // A proxy whose server is down says so in its own words.
  const code = [502, 503, 504].includes(response.status) ? "SERVICE_UNAVAILABLE" : "INVALID_RESPONSE";
  const retryAfter = Number(response.headers.get("retry-after")) || undefined;
  throw new PortcullisError(`The answer is not GraphQL (status ${response.status}).`, code, { retryAfter });
}
