import type { FetchFunction, GraphQLResponse } from "relay-runtime";

import type { Portcullis } from "./portcullis.js";

/** The fetch function of a Relay network. */
export function fetchFunction(portcullis: Portcullis): FetchFunction {
  return async ({ name, text }, variables) => {
    if (!text) throw new Error(`The operation ${name} has no text: it was compiled for persisted documents.`);
    return (await portcullis.execute(text, variables)) as GraphQLResponse;
  };
}
