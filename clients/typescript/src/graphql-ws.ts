import {
  type Client,
  type ClientOptions,
  createClient,
  type FormattedExecutionResult,
  type SubscribePayload,
} from "graphql-ws";

import { isTokenRejection } from "./result.js";
import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/** The close code of a socket whose token has expired or was revoked. */
const TOKEN_ENDED = 4401;
/** The minimum time between two immediate reconnections. A second close within it is not an expiry, so we wait. */
const TOO_SOON_MS = 1000;

/**
 * A `graphql-ws` client whose sockets send the access token. When the token expires or is revoked, the subscriptions
 * continue with the next token, or without a token if the user is signed out. A subscription with the variable `$after`
 * that selects the event's `id` misses no event after its first one: it resumes after the last event.
 */
export function createSocket(
  portcullis: Portcullis,
  options: Omit<ClientOptions, "url" | "connectionParams"> = {},
): Client {
  let sent: string | null = null;
  let refused: string | null = null;
  let endedAt = 0;
  let isImmediate = false;
  let isReplacing = false;
  const { retryWait = backoff } = options;
  const client = createClient({
    url: () => socketUrl(portcullis.url),
    retryAttempts: Infinity,
    // By default, graphql-ws ends all subscriptions if the server refuses the connection.
    shouldRetry: () => true,
    ...options,
    async retryWait(retries) {
      const waits = !isImmediate;
      // Only this attempt is immediate. The next one waits.
      isImmediate = false;
      if (waits) await retryWait(retries);
    },
    async connectionParams() {
      try {
        sent = refused === null ? await portcullis.accessToken() : await portcullis.renew(refused);
        refused = null;
        return { ...bearer(sent) };
      } catch (error) {
        options.on?.error?.(error);
        // A thrown error would end all subscriptions. After `terminate`, graphql-ws reconnects.
        client.terminate();
        return {};
      }
    },
    on: {
      ...options.on,
      closed(event) {
        if (isReplacing) return;
        options.on?.closed?.(event);
        const { code, reason } = event as { code?: number; reason?: string };
        if (!isTokenRejection(reason)) return;
        refused = sent;
        if (code !== TOKEN_ENDED) return;
        isImmediate = Date.now() - endedAt >= TOO_SOON_MS;
        endedAt = Date.now();
        // By default, graphql-ws also ends all subscriptions after this code.
        isReplacing = true;
        client.terminate();
        isReplacing = false;
      },
    },
  });
  return {
    ...client,
    subscribe(payload, sink) {
      const { resumed, record } = resumable(payload);
      const next: typeof sink.next = (result) => {
        record(result);
        sink.next(result);
      };
      // The sink may be a class instance, so its methods need their `this`.
      return client.subscribe(resumed, {
        next,
        error: (error) => sink.error(error),
        complete: () => sink.complete(),
      });
    },
    iterate(payload) {
      const { resumed, record } = resumable(payload);
      const results = client.iterate<any, any>(resumed);
      const next = results.next.bind(results);
      results.next = async () => {
        const result = await next();
        if (!result.done) record(result.value);
        return result;
      };
      return results;
    },
  };
}

/** The payload, which is read at each (re)subscription, and a function that stores the last event id in it. */
function resumable(payload: SubscribePayload) {
  const variables: Record<string, unknown> = { ...payload.variables };
  const record = ({ data }: FormattedExecutionResult<unknown, unknown>) => {
    const [event] = Object.values(data ?? {}) as ({ id?: unknown } | null)[];
    if (typeof event?.id === "string") variables.after = event.id;
  };
  // A document that is sent by its id has no text, so the key in `variables` decides.
  return "after" in variables || /\$after\b/.test(payload.query)
    ? { resumed: { ...payload, variables }, record }
    : { resumed: payload, record: () => {} };
}

function socketUrl(url: string): string {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  return absolute.href;
}

/** Exponential backoff up to 30 s, with jitter, so that clients do not reconnect at the same time. */
function backoff(retries: number): Promise<void> {
  const ms = Math.min(2 ** retries, 30) * 1000 * (1 + Math.random());
  return new Promise((resolve) => setTimeout(resolve, ms));
}
