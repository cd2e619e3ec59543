import type { Client, Sink } from "graphql-ws";
import {
  type FetchFunction,
  type GraphQLResponse,
  Observable,
  type RequestParameters,
  type SubscribeFunction,
} from "relay-runtime";

import { documentOf } from "./endpoint.js";
import type { Portcullis } from "./portcullis.js";

/** The fetch function of a Relay network. Documents that relay-compiler has persisted are sent by their ids. */
export function fetchFunction(portcullis: Portcullis): FetchFunction {
  return async (request, variables) =>
    (await portcullis.execute(documentIn(request), variables)) as GraphQLResponse;
}

/** The subscribe function of a Relay network, for a client of `createSocket`. It also supports persisted documents. */
export function subscribeFunction(socket: Pick<Client, "subscribe">): SubscribeFunction {
  return (request, variables) => {
    const payload = { query: "", ...documentOf(documentIn(request)), operationName: request.name, variables };
    return Observable.create<GraphQLResponse>((sink) => socket.subscribe(payload, sink as Sink));
  };
}

const documentIn = ({ id, text, operationKind }: RequestParameters) =>
  text ?? { id: id ?? "", isMutation: operationKind === "mutation" };
