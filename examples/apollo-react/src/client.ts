import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { authLink } from "@portcullis/client/apollo";
import { createSocket } from "@portcullis/client/graphql-ws";
import { OperationTypeNode } from "graphql";

import { portcullis } from "./session";

const http = ApolloLink.from([authLink(portcullis), new HttpLink({ uri: portcullis.url })]);
const socket = new GraphQLWsLink(createSocket(portcullis));

/** A client with a cache for one user. Create another client for another user. */
export function createClient() {
  return new ApolloClient({
    cache: new InMemoryCache({
      typePolicies: { User: { fields: { sessions: relayStylePagination() } } },
    }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      socket,
      http,
    ),
  });
}
