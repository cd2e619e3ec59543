import { createSocket } from "@portcullis/client/graphql-ws";
import { fetchFunction, subscribeFunction } from "@portcullis/client/relay";
import { Environment, Network } from "relay-runtime";

import { portcullis } from "./session";

const fetch = fetchFunction(portcullis);
const subscribe = subscribeFunction(createSocket(portcullis));

/** An environment with a store for one user. Create another environment for another user. */
export function createEnvironment() {
  return new Environment({ network: Network.create(fetch, subscribe) });
}
