import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

export interface AuthFetchOptions {
  /** The origins that get the access token, such as "https://api.example.com". Without it, the page's own. */
  origins?: readonly string[];
  /** In place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/**
 * A `fetch` for services that take the access token: sends it to the origins that are listed and to no other,
 * and after a 401 sends the request once more with a fresh one. Where that is refused as well, it is sent as long as
 * it lasts, and replaced when its time has come.
 */
export function authFetch(portcullis: Portcullis, options: AuthFetchOptions = {}): typeof globalThis.fetch {
  const origins = options.origins ?? [globalThis.location?.origin];
  /** For each origin the token that it has refused though it was new: another refresh would not help. */
  const hopeless = new Map<string, string>();
  const fetch: typeof globalThis.fetch = (request) => (options.fetch ?? globalThis.fetch)(request);
  return async (input, init) => {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (!origins.includes(origin)) return fetch(request);
    const spare = request.clone();
    const token = await portcullis.accessToken();
    const response = await fetch(withToken(request, token));
    if (response.status !== 401 || token === null || token === hopeless.get(origin)) return response;
    const next = await portcullis.renew(token);
    if (next === null) return response;
    const second = await fetch(withToken(spare, next));
    if (second.status === 401) hopeless.set(origin, next);
    return second;
  };
}

function withToken(request: Request, token: string | null): Request {
  const { authorization } = bearer(token);
  if (authorization) request.headers.set("authorization", authorization);
  return request;
}
