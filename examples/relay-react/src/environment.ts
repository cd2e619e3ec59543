import { fetchFunction } from "@portcullis/client/relay";
import { Environment, Network } from "relay-runtime";

import { portcullis } from "./session";

/** An environment whose store is for one person: another gets another. */
export function createEnvironment() {
  return new Environment({ network: Network.create(fetchFunction(portcullis)) });
}
