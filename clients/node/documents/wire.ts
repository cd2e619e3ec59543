// Records the requests of a client, so that the tests can inspect them.

export interface Sent {
  method: string;
  /** The text of the document. Undefined if only its hash was sent. */
  query: string | undefined;
}

export const sent: Sent[] = [];

/** Fetches and records the request. */
export const fetchAndNote: typeof fetch = async (input, init) => {
  const target = new URL(String(input));
  const method = init?.method ?? "GET";
  const parameters = method === "GET" ? Object.fromEntries(target.searchParams) : JSON.parse(String(init?.body));
  sent.push({ method, query: parameters.query });
  return fetch(target, init);
};
