import { createClient } from "graphql-ws";

export interface AccountEvent {
  id: string;
  action: string;
  at: string;
}

// Yields each event of the signed-in account once, across lost connections and replaced tokens. `after` is the id of
// the last known event. `token` returns a valid access token and refreshes it if necessary.
export async function* accountEvents(url: string, token: () => Promise<string>, after?: string) {
  const client = createClient({
    url,
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
  });
  const query = "subscription ($after: ID) { accountEvents(after: $after) { id action at } }";
  const variables = { after };
  try {
    for (;;) {
      try {
        const results = client.iterate<{ accountEvents: AccountEvent }>({ query, variables });
        for await (const { data, errors } of results) {
          if (!data) throw new Error(errors?.[0]?.message);
          // graphql-ws sends the variables again when it reconnects.
          variables.after = data.accountEvents.id;
          yield data.accountEvents;
        }
      } catch (closed) {
        // 4401 TOKEN_EXPIRED or TOKEN_REVOKED: subscribe again with a new token.
        if ((closed as CloseEvent).code !== 4401) throw closed;
      }
    }
  } finally {
    await client.dispose();
  }
}
