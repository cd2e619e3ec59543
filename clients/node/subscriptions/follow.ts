import { createClient } from "graphql-ws";

export interface AccountEvent {
  id: string;
  action: string;
  at: string;
}

// The events of the own account, each once, across lost connections and tokens. `after` is the last event that is
// known; `token` gives an access token that is still good, refreshed where it must be.
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
        const answers = client.iterate<{ accountEvents: AccountEvent }>({ query, variables });
        for await (const { data, errors } of answers) {
          if (!data) throw new Error(errors?.[0]?.message);
          // graphql-ws sends it along when it connects anew.
          variables.after = data.accountEvents.id;
          yield data.accountEvents;
        }
      } catch (closed) {
        // 4401 TOKEN_EXPIRED or TOKEN_REVOKED: once more with another token, if there is one.
        if ((closed as CloseEvent).code !== 4401) throw closed;
      }
    }
  } finally {
    await client.dispose();
  }
}
