import type { FetchFunction, GraphQLResponse } from "relay-runtime";

import type { Portcullis } from "./portcullis.js";

/** The fetch function of a Relay network. Documents that relay-compiler has persisted are sent by their names. */
export function fetchFunction(portcullis: Portcullis): FetchFunction {
  return async ({ id, text, operationKind }, variables) => {
    const document = text ?? { id: id ?? "", isMutation: operationKind === "mutation" };
    return (await portcullis.execute(document, variables)) as GraphQLResponse;
  };
}
