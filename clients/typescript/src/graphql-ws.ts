import {
  type Client,
  type ClientOptions,
  createClient,
  type FormattedExecutionResult,
  type SubscribePayload,
} from "graphql-ws";

import { isRefusal } from "./answer.js";
import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/** The server closes a socket with it when the token of the socket has expired or is void. */
const TOKEN_ENDED = 4401;
/** Twice within this time is no expiry: something is wrong, so the next attempt waits. */
const TOO_SOON_MS = 1000;

/**
 * A client of `graphql-ws` whose sockets bear the access token. When it expires or is void, the subscriptions go
 * on with the next one; when there is none, as somebody who is not signed in. One that takes the variable `$after`
 * and asks for the event's `id` misses nothing from its first event on: sent again, it goes on after the last one.
 */
export function createSocket(
  portcullis: Portcullis,
  options: Omit<ClientOptions, "url" | "connectionParams"> = {},
): Client {
  let sent: string | null = null;
  let refused: string | null = null;
  let endedAt = 0;
  let isAtOnce = false;
  let isReplacing = false;
  const { retryWait = backoff } = options;
  const client = createClient({
    url: () => socketUrl(portcullis.url),
    retryAttempts: Infinity,
    // To graphql-ws a server that refuses the connection is the end of all subscriptions.
    shouldRetry: () => true,
    ...options,
    async retryWait(retries) {
      const waits = !isAtOnce;
      // Whatever comes of this attempt, the one after it waits.
      isAtOnce = false;
      if (waits) await retryWait(retries);
    },
    async connectionParams() {
      try {
        sent = refused === null ? await portcullis.accessToken() : await portcullis.renew(refused);
        refused = null;
        return { ...bearer(sent) };
      } catch (error) {
        options.on?.error?.(error);
        // Thrown, it would be the end of all subscriptions; a terminated socket is one to open again.
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
        if (!isRefusal(reason)) return;
        refused = sent;
        if (code !== TOKEN_ENDED) return;
        isAtOnce = Date.now() - endedAt >= TOO_SOON_MS;
        endedAt = Date.now();
        // To graphql-ws this code is the end of all subscriptions, too.
        isReplacing = true;
        client.terminate();
        isReplacing = false;
      },
    },
  });
  return {
    ...client,
    subscribe(payload, sink) {
      const { kept, note } = resumable(payload);
      const next: typeof sink.next = (result) => {
        note(result);
        sink.next(result);
      };
      // A sink may be of a class.
      return client.subscribe(kept, {
        next,
        error: (error) => sink.error(error),
        complete: () => sink.complete(),
      });
    },
    iterate(payload) {
      const { kept, note } = resumable(payload);
      const results = client.iterate<any, any>(kept);
      const next = results.next.bind(results);
      results.next = async () => {
        const result = await next();
        if (!result.done) note(result.value);
        return result;
      };
      return results;
    },
  };
}

/** The payload, which is read whenever it is sent, and how to note a result in it. */
function resumable(payload: SubscribePayload) {
  const variables: Record<string, unknown> = { ...payload.variables };
  const note = ({ data }: FormattedExecutionResult<unknown, unknown>) => {
    const [event] = Object.values(data ?? {}) as ({ id?: unknown } | null)[];
    if (typeof event?.id === "string") variables.after = event.id;
  };
  // A document that is sent by its name has no text to tell.
  return "after" in variables || /\$after\b/.test(payload.query)
    ? { kept: { ...payload, variables }, note }
    : { kept: payload, note: () => {} };
}

function socketUrl(url: string): string {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  return absolute.href;
}

/** Twice as long each time up to half a minute, and no two clients at once. */
function backoff(retries: number): Promise<void> {
  const ms = Math.min(2 ** retries, 30) * 1000 * (1 + Math.random());
  return new Promise((resolve) => setTimeout(resolve, ms));
}
