// A Relay environment for one who has signed in, and the parts of react-relay's hooks that need no React.

import assert from "node:assert/strict";
import {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getSelector,
  Network,
  RecordSource,
  Store,
  type ConcreteRequest,
  type GraphQLResponse,
  type MutationParameters,
  type OperationType,
  type ReaderFragment,
} from "relay-runtime";
import { ask } from "../server";

/** An environment whose requests carry this access token. */
export function environment(token: string): Environment {
  const network = Network.create(async (params, variables) => {
    assert(params.text);
    return (await ask(params.text, variables, token)) as GraphQLResponse;
  });
  return new Environment({ network, store: new Store(new RecordSource()) });
}

/** Asks the server, and keeps the answer in the store. */
export async function load<Query extends OperationType>(
  relay: Environment, query: ConcreteRequest, variables: Query["variables"],
): Promise<Query["response"]> {
  relay.retain(createOperationDescriptor(query, variables));
  const data = await fetchQuery<Query>(relay, query, variables, { fetchPolicy: "network-only" }).toPromise();
  assert(data);
  return data;
}

/** The data of a fragment as the store has it now, complete. */
export function read<Data>(relay: Environment, fragment: ReaderFragment, key: { readonly " $data"?: Data }): Data {
  const selector = getSelector(fragment, key);
  assert(selector?.kind === "SingularReaderSelector");
  const snapshot = relay.lookup(selector);
  assert(!snapshot.isMissingData);
  return snapshot.data as Data;
}

/** Runs a mutation with its updaters. */
export function mutate<Mutation extends MutationParameters>(
  relay: Environment, mutation: ConcreteRequest, variables: Mutation["variables"],
): Promise<Mutation["response"]> {
  return new Promise((resolve, reject) => {
    commitMutation<Mutation>(relay, { mutation, variables, onCompleted: resolve, onError: reject });
  });
}
