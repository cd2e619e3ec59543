import { createSocket } from "@portcullis/client/graphql-ws";
import { fetchFunction, subscribeFunction } from "@portcullis/client/relay";
import { Environment, Network } from "relay-runtime";

import { portcullis } from "./session";

const fetch = fetchFunction(portcullis);
const subscribe = subscribeFunction(createSocket(portcullis));

/** An environment whose store is for one person: another gets another. */
export function createEnvironment() {
  return new Environment({ network: Network.create(fetch, subscribe) });
}
