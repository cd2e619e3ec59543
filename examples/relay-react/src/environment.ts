import { createSocket } from "@portcullis/client/graphql-ws";
import { fetchFunction } from "@portcullis/client/relay";
import type { Sink } from "graphql-ws";
import {
  Environment,
  type GraphQLResponse,
  Network,
  Observable,
  type SubscribeFunction,
} from "relay-runtime";

import { portcullis } from "./session";

const socket = createSocket(portcullis, { retryAttempts: Infinity });

const subscribe: SubscribeFunction = ({ name, text }, variables) =>
  Observable.create<GraphQLResponse>((sink) =>
    socket.subscribe({ operationName: name, query: text ?? "", variables }, sink as Sink),
  );

/** An environment whose store is for one person: another gets another. */
export function createEnvironment() {
  return new Environment({ network: Network.create(fetchFunction(portcullis), subscribe) });
}
