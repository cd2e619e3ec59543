// A Relay environment for a signed-in user, and the parts of react-relay's hooks that need no React.

import assert from "node:assert/strict";
import { createClient, type Client, type FormattedExecutionResult } from "graphql-ws";
import {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getSelector,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
  type ConcreteRequest,
  type GraphQLResponse,
  type MutationParameters,
  type OperationType,
  type ReaderFragment,
  type SubscribeFunction,
} from "relay-runtime";
import { ask, socketUrl } from "../server";
import { createNetwork } from "./network";

/** An environment that sends this access token. It supports subscriptions if a WebSocket client is given. */
export function environment(token: string, socket?: Client): Environment {
  const askAs = async (query: string, variables: object) => (await ask(query, variables, token)) as GraphQLResponse;
  const subscribe: SubscribeFunction = (params, variables) => Observable.create<GraphQLResponse>((sink) => {
    const { text: query, name: operationName } = params;
    assert(query && socket);
    return socket.subscribe({ query, operationName, variables }, {
      next: (result: FormattedExecutionResult) => sink.next(result as GraphQLResponse),
      error: (error) => sink.error(error as Error),
      complete: () => sink.complete(),
    });
  });
  return new Environment({ network: createNetwork(askAs, subscribe), store: new Store(new RecordSource()) });
}

/** A WebSocket client with this access token. */
export function connect(token: string): Client {
  return createClient({ url: socketUrl, connectionParams: { authorization: `Bearer ${token}` } });
}

/** Subscribes with Relay's `requestSubscription`. */
export function follow<Subscription extends OperationType>(
  relay: Environment, subscription: ConcreteRequest, variables: Subscription["variables"],
  onNext: (event: Subscription["response"]) => void,
) {
  const fail = (error: Error) => { throw error; };
  const next = (event: Subscription["response"] | null | undefined) => event && onNext(event);
  return requestSubscription<Subscription>(relay, { subscription, variables, onNext: next, onError: fail });
}

/** Executes a query and keeps the result in the store. */
export async function load<Query extends OperationType>(
  relay: Environment, query: ConcreteRequest, variables: Query["variables"],
): Promise<Query["response"]> {
  relay.retain(createOperationDescriptor(query, variables));
  const data = await fetchQuery<Query>(relay, query, variables, { fetchPolicy: "network-only" }).toPromise();
  assert(data);
  return data;
}

/** The current data of a fragment in the store. Fails if some of it is missing. */
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
