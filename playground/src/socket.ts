import type { Portcullis } from "@portcullis/client";
import { createSocket } from "@portcullis/client/graphql-ws";
import type { FetcherParams, Observable } from "@graphiql/toolkit";
import type { ExecutionResult } from "graphql";
import { type Client, createClient, type Sink, type SubscribePayload } from "graphql-ws";

import { endpoint } from "./endpoint";
import { session } from "./session";

/** A socket client for each session. A socket is open only while there are subscriptions. */
const sockets = new Map<Portcullis, Client>();

/** Subscribes with the page's session, or with the given Authorization header. */
export function subscribeTo(params: FetcherParams, authorization: string | null): Observable<ExecutionResult> {
  const client = authorization === null ? socketOf(session()) : socketWith(authorization);
  const subscribe = (sink: Sink) => {
    const error = (error: unknown) => sink.error(isClose(error) ? new Error(messageFor(error)) : error);
    return { unsubscribe: client.subscribe(params as SubscribePayload, { ...sink, error }) };
  };
  return { subscribe } as Observable<ExecutionResult>;
}

function socketOf(portcullis: Portcullis): Client {
  const socket = sockets.get(portcullis) ?? createSocket(portcullis);
  sockets.set(portcullis, socket);
  return socket;
}

const socketWith = (authorization: string) =>
  createClient({
    url: `${location.origin.replace("http", "ws")}${endpoint}`,
    connectionParams: { authorization },
    retryAttempts: 0,
  });

const isClose = (error: unknown): error is { code: number; reason: string } =>
  typeof error === "object" && error !== null && "code" in error && "reason" in error;

const messageFor = ({ code, reason }: { code: number; reason: string }) =>
  `The server closed the subscription: ${reason || "it cannot be reached"} (${code}).`;
