import type { Operation } from "@urql/core";
import type { AuthConfig, AuthUtilities } from "@urql/exchange-auth";

import { isTokenRejected } from "./result.js";
import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/** The configuration for urql's `authExchange`. */
export function authConfig(portcullis: Portcullis): (utilities: AuthUtilities) => Promise<AuthConfig> {
  return async ({ appendHeaders }) => {
    let renewed: string | null = null;
    let refused: string | undefined;
    return {
      willAuthError: () => portcullis.peek() === undefined,
      addAuthToOperation(operation) {
        const fresh = portcullis.peek();
        const { authorization } = bearer(fresh === undefined ? renewed : fresh);
        return authorization ? appendHeaders(operation, { authorization }) : operation;
      },
      didAuthError({ graphQLErrors }, operation) {
        const token = tokenOf(operation);
        if (!token || !isTokenRejected({ errors: graphQLErrors }, false) || hasManyFields(operation)) return false;
        refused = token;
        return true;
      },
      async refreshAuth() {
        const last = refused;
        refused = undefined;
        renewed = await (last ? portcullis.renew(last) : portcullis.accessToken());
      },
    };
  };
}

/** The access token with which an operation was sent. */
function tokenOf({ context: { fetchOptions } }: Operation): string | undefined {
  const init = typeof fetchOptions === "function" ? fetchOptions() : fetchOptions;
  return new Headers(init?.headers).get("authorization")?.replace(/^Bearer /, "");
}

/** Whether the operation is a mutation of several fields: some may have been executed although one was rejected. */
function hasManyFields({ kind, query: { definitions } }: Operation): boolean {
  return (
    kind === "mutation" &&
    definitions.some((part) => part.kind === "OperationDefinition" && part.selectionSet.selections.length > 1)
  );
}
