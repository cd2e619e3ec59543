import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { relayStylePagination } from "@apollo/client/utilities";
import { from, mergeMap } from "rxjs";
import { bearer, refresh } from "./session";

const auth = new SetContextLink(({ headers }) => {
  const token = bearer();
  return { token, headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) } };
});
const renew = new ErrorLink(({ error, operation, forward }) => {
  const { token, renewed } = operation.getContext();
  const stale = CombinedGraphQLErrors.is(error)
    && error.errors.some((e) => ["TOKEN_EXPIRED", "TOKEN_REVOKED"].includes(String(e.extensions?.reason)));
  if (!stale || renewed) return;
  operation.setContext({ renewed: true });
  return from(refresh(token)).pipe(mergeMap(() => forward(operation)));
});

export const client = new ApolloClient({
  link: ApolloLink.from([renew, auth, new HttpLink({ uri: "/graphql" })]),
  cache: new InMemoryCache({
    typePolicies: {
      Query: {
        fields: {
          users: relayStylePagination(["filter", "orderBy"]),
          auditEvents: relayStylePagination(["filter"]),
        },
      },
      User: { fields: { sessions: relayStylePagination() } },
    },
  }),
});
