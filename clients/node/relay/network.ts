import { type GraphQLResponse, Network, type SubscribeFunction } from "relay-runtime";

type Execute = (query: string, variables: object) => Promise<GraphQLResponse>;

// `text` is null only if relay-compiler persists the documents (`persistConfig`).
export const createNetwork = (execute: Execute, subscribe?: SubscribeFunction) =>
  Network.create(({ text }, variables) => execute(text!, variables), subscribe);
