// What a browser does and Node does not: URLs that are relative to the page, and cookies.

import { url } from "../server";

/** The bodies of all requests so far. */
export const sent: string[] = [];

let cookie = "";
const fetchOfNode = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  if (cookie) headers.set("cookie", cookie);
  sent.push(String(init?.body));
  const response = await fetchOfNode(new URL(String(input), url), { ...init, headers });
  for (const set of response.headers.getSetCookie()) cookie = set.split(";")[0] ?? "";
  return response;
};
