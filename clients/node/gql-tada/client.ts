// urql with its own auth exchange: one refresh serves all waiting operations.

import { type Client, createClient, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { graphql } from "./graphql";

/** The current tokens of the signed-in user. */
export interface Tokens {
  accessToken: string | null;
  refreshToken: string | null;
}

const Refresh = graphql(`
  mutation Refresh($input: RefreshInput!) {
    refresh(input: $input) {
      accessToken
      refreshToken
    }
  }
`);

/** A client that sends the access token and refreshes it after it has expired or was revoked. */
export function client(url: string, tokens: Tokens): Client {
  const auth = authExchange(async ({ appendHeaders, mutate }) => ({
    addAuthToOperation: (operation) =>
      tokens.accessToken ? appendHeaders(operation, { authorization: `Bearer ${tokens.accessToken}` }) : operation,
    didAuthError: ({ graphQLErrors }) =>
      graphQLErrors.some((e) => ["TOKEN_EXPIRED", "TOKEN_REVOKED"].includes(String(e.extensions["reason"]))),
    refreshAuth: async () => {
      const { data } = await mutate(Refresh, { input: { refreshToken: tokens.refreshToken } });
      if (data) Object.assign(tokens, data.refresh); // null: sign in again
    },
  }));
  return createClient({ url, exchanges: [auth, fetchExchange], preferGetMethod: false });
}
