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
 * and after a 401 sends the request once more with a fresh one.
 */
export function authFetch(portcullis: Portcullis, options: AuthFetchOptions = {}): typeof globalThis.fetch {
  const origins = options.origins ?? [globalThis.location?.origin];
  const fetch: typeof globalThis.fetch = (request) => (options.fetch ?? globalThis.fetch)(request);
  return async (input, init) => {
    const request = new Request(input, init);
    if (!origins.includes(new URL(request.url).origin)) return fetch(request);
    const spare = request.clone();
    const token = await portcullis.accessToken();
    const response = await fetch(withToken(request, token));
    if (response.status !== 401 || token === null) return response;
    const next = await portcullis.renew(token);
    return next === null ? response : fetch(withToken(spare, next));
  };
}

function withToken(request: Request, token: string | null): Request {
  const { authorization } = bearer(token);
  if (authorization) request.headers.set("authorization", authorization);
  return request;
}
