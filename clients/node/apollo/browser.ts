// Gives Node's fetch two features of a browser: URLs relative to the page, and cookies.

import { url } from "../server";

/** The bodies of all requests so far. */
export const sent: string[] = [];

let cookie = "";
let isLost = false;

/** Loses the next response on its way from the server. */
export function loseNextResponse() {
  isLost = true;
}

const fetchOfNode = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  if (cookie) headers.set("cookie", cookie);
  sent.push(String(init?.body));
  const response = await fetchOfNode(new URL(String(input), url), { ...init, headers });
  if (isLost) {
    isLost = false;
    throw new TypeError("fetch failed");
  }
  for (const set of response.headers.getSetCookie()) cookie = set.split(";")[0] ?? "";
  return response;
};
