import type { Portcullis } from "@portcullis/client";
import { createSocket } from "@portcullis/client/graphql-ws";
import type { FetcherParams, Observable } from "@graphiql/toolkit";
import type { ExecutionResult } from "graphql";
import { type Client, createClient, type Sink, type SubscribePayload } from "graphql-ws";

import { endpoint } from "./endpoint";
import { session } from "./session";

/** One for each way to keep a session. A socket is open only while something is followed. */
const sockets = new Map<Portcullis, Client>();

/** The events of a subscription, as the page's session or by the Authorization that is given. */
export function follow(params: FetcherParams, authorization: string | null): Observable<ExecutionResult> {
  const client = authorization === null ? socketOf(session()) : strangersSocket(authorization);
  const subscribe = (sink: Sink) => {
    const error = (error: unknown) => sink.error(isClose(error) ? new Error(wordsFor(error)) : error);
    return { unsubscribe: client.subscribe(params as SubscribePayload, { ...sink, error }) };
  };
  return { subscribe } as Observable<ExecutionResult>;
}

function socketOf(portcullis: Portcullis): Client {
  const socket = sockets.get(portcullis) ?? createSocket(portcullis);
  sockets.set(portcullis, socket);
  return socket;
}

const strangersSocket = (authorization: string) =>
  createClient({
    url: `${location.origin.replace("http", "ws")}${endpoint}`,
    connectionParams: { authorization },
    retryAttempts: 0,
  });

const isClose = (error: unknown): error is { code: number; reason: string } =>
  typeof error === "object" && error !== null && "code" in error && "reason" in error;

const wordsFor = ({ code, reason }: { code: number; reason: string }) =>
  `The server closed the subscription: ${reason || "it cannot be reached"} (${code}).`;
