// What goes over the wire, so that the tests see what a client sends.

export interface Sent {
  method: string;
  /** The text of the document; undefined where only its hash was sent. */
  query: string | undefined;
}

export const sent: Sent[] = [];

/** Fetches, and takes down what was sent. */
export const fetchAndNote: typeof fetch = async (input, init) => {
  const target = new URL(String(input));
  const method = init?.method ?? "GET";
  const parameters = method === "GET" ? Object.fromEntries(target.searchParams) : JSON.parse(String(init?.body));
  sent.push({ method, query: parameters.query });
  return fetch(target, init);
};
