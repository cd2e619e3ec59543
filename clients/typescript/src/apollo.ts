import { ApolloLink } from "@apollo/client/link";
import { from, mergeMap, type Observable, of } from "rxjs";

import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/**
 * A link that sends the access token with every operation. It repeats an operation once if its token was rejected, or
 * if the login was too old and the user has authenticated again.
 */
export function authLink(portcullis: Portcullis): ApolloLink {
  return new ApolloLink((operation, forward) => {
    const send = (token: string | null): Observable<ApolloLink.Result> => {
      const { headers } = operation.getContext();
      operation.setContext({ headers: { ...headers, ...bearer(token) } });
      return forward(operation);
    };
    const isMutation = operation.operationType === "mutation";
    const again = (token: string | null, result: ApolloLink.Result) =>
      from(portcullis.tokenToRepeat(result, token, isMutation)).pipe(
        mergeMap((next) => (next === null ? of(result) : send(next))),
      );
    return from(portcullis.accessToken()).pipe(
      mergeMap((token) => send(token).pipe(mergeMap((result) => again(token, result)))),
    );
  });
}
