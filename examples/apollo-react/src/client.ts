import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { authLink } from "@portcullis/client/apollo";

import { portcullis } from "./session";

/** A client whose cache is for one person: another gets another. */
export function createClient() {
  return new ApolloClient({
    cache: new InMemoryCache({
      typePolicies: { User: { fields: { sessions: relayStylePagination() } } },
    }),
    link: ApolloLink.from([authLink(portcullis), new HttpLink({ uri: portcullis.url })]),
  });
}
