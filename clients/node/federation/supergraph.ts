// The supergraph of Portcullis and the posts, composed by Apollo's library and served by Hive Gateway.

import assert from "node:assert/strict";
import { composeServices } from "@apollo/composition";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";
import { type GraphQLFormattedError, parse } from "graphql";
import { ask, url } from "../server";
import * as posts from "./posts";

/** Composes the supergraph. The schema of Portcullis comes from its field `_service`, as for any router. */
export async function compose(postsUrl: string) {
  const { data, errors } = await ask<{ _service: { sdl: string } }>("{ _service { sdl } }", {});
  assert(data, errors?.[0]?.message);
  return composeServices([
    { name: "identity", url, typeDefs: parse(data._service.sdl) },
    { name: "posts", url: postsUrl, typeDefs: posts.typeDefs },
  ]);
}

/** A response of the gateway. */
export interface GatewayResult {
  data?: any;
  errors?: GraphQLFormattedError[];
}

/** A gateway for both subgraphs. It passes on the caller's access token; gateways do this only if configured. */
export function gateway(supergraph: string) {
  const gateway = createGatewayRuntime({
    supergraph,
    propagateHeaders: {
      fromClientToSubgraphs({ request }) {
        const authorization = request.headers.get("authorization");
        return authorization ? { authorization } : {};
      },
    },
    logging: false,
  });
  return {
    stop: () => gateway[Symbol.asyncDispose](),
    async ask(query: string, token?: string, variables: object = {}): Promise<GatewayResult> {
      const response = await gateway.fetch("http://gateway/graphql", {
        method: "POST",
        headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GatewayResult;
    },
  };
}
