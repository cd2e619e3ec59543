import { ApolloLink } from "@apollo/client/link";
import { from, mergeMap, type Observable, of } from "rxjs";

import { isTokenRejected } from "./result.js";
import { bearer } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/** A link that sends the access token with every operation. It repeats an operation once if its token was rejected. */
export function authLink(portcullis: Portcullis): ApolloLink {
  return new ApolloLink((operation, forward) => {
    const send = (token: string | null): Observable<ApolloLink.Result> => {
      const { headers } = operation.getContext();
      operation.setContext({ headers: { ...headers, ...bearer(token) } });
      return forward(operation);
    };
    const isMutation = operation.operationType === "mutation";
    const sendAgain = (refused: string, result: ApolloLink.Result) =>
      from(portcullis.renew(refused)).pipe(mergeMap((next) => (next === null ? of(result) : send(next))));
    return from(portcullis.accessToken()).pipe(
      mergeMap((token) =>
        send(token).pipe(
          mergeMap((result) =>
            token !== null && isTokenRejected(result, isMutation) ? sendAgain(token, result) : of(result),
          ),
        ),
      ),
    );
  });
}
