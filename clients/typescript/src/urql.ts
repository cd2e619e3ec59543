import type { Operation } from "@urql/core";
import type { AuthConfig, AuthUtilities } from "@urql/exchange-auth";

import { isRefused } from "./answer.js";
import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/** The configuration of urql's `authExchange`. */
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
        if (!token || !isRefused({ errors: graphQLErrors }, false) || hasManyFields(operation)) return false;
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

/** The access token that an operation was sent with. */
function tokenOf({ context: { fetchOptions } }: Operation): string | undefined {
  const init = typeof fetchOptions === "function" ? fetchOptions() : fetchOptions;
  return new Headers(init?.headers).get("authorization")?.replace(/^Bearer /, "");
}

/** Whether it is a mutation of which a part may have been carried out though another was refused. */
function hasManyFields({ kind, query: { definitions } }: Operation): boolean {
  return (
    kind === "mutation" &&
    definitions.some((part) => part.kind === "OperationDefinition" && part.selectionSet.selections.length > 1)
  );
}
