import { type GraphQLResponse, Network, type SubscribeFunction } from "relay-runtime";

type Ask = (query: string, variables: object) => Promise<GraphQLResponse>;

// `ask` is that of session.ts, for one. A document has a text unless relay-compiler persists it (`persistConfig`).
export const createNetwork = (ask: Ask, subscribe?: SubscribeFunction) =>
  Network.create(({ text }, variables) => ask(text!, variables), subscribe);
