import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

export interface AuthFetchOptions {
  /** The origins that get the access token, such as "https://api.example.com". Default: the page's own origin. */
  origins?: readonly string[];
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/**
 * A `fetch` for services that accept the access token. It sends the token only to the listed origins. After a 401 it
 * repeats the request once with a new token. If the origin rejects the new token, too, `fetch` keeps sending that
 * token until it expires, because another refresh would not help.
 */
export function authFetch(portcullis: Portcullis, options: AuthFetchOptions = {}): typeof globalThis.fetch {
  const origins = options.origins ?? [globalThis.location?.origin];
  /** For each origin, the new token that it has rejected. */
  const rejected = new Map<string, string>();
  const fetch: typeof globalThis.fetch = (request) => (options.fetch ?? globalThis.fetch)(request);
  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (!origins.includes(origin)) return fetch(request);
    const spare = request.clone();
    const token = await portcullis.accessToken();
    const response = await fetch(withToken(request, token));
    if (response.status !== 401 || token === null || token === rejected.get(origin)) return response;
    const next = await portcullis.renew(token);
    if (next === null) return response;
    const second = await fetch(withToken(spare, next));
    if (second.status === 401) rejected.set(origin, next);
    return second;
  };
}

function withToken(request: Request, token: string | null): Request {
  const { authorization } = bearer(token);
  if (authorization) request.headers.set("authorization", authorization);
  return request;
}
