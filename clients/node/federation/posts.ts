// The subgraph of another team: posts by users of Portcullis. It has the field `node` that Relay requires, and resolves
// it for the whole supergraph.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { graphql, parse } from "graphql";

/** The posts by id, each with the account id of its author. */
export const posts = new Map<string, { title: string; author: string }>();

export const typeDefs = parse(`
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])

  type Query {
    posts(first: Int): PostConnection!
    node(id: ID!): Node
    nodes(ids: [ID!]!): [Node]!
  }

  interface Node {
    id: ID!
  }

  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }

  type PostConnection {
    nodes: [Post!]!
    pageInfo: PageInfo!
  }

  type Post implements Node @key(fields: "id") {
    id: ID!
    title: String!
    "Null if the caller may not see the author."
    author: User
  }

  type User implements Node @key(fields: "id") {
    id: ID!
    posts: [Post!]!
  }

  type Session implements Node @key(fields: "id", resolvable: false) {
    id: ID!
  }

  type AuditEvent implements Node @key(fields: "id", resolvable: false) {
    id: ID!
  }
`);

/** The types of Portcullis by the prefix of their ids. */
const prefixes: Record<string, string> = { user: "User", session: "Session", event: "AuditEvent" };

function node(id: string) {
  const __typename = prefixes[id.split("_")[0] ?? ""];
  if (__typename) return { __typename, id };
  return posts.has(id) ? { __typename: "Post", id } : null;
}

const post = (id: string) => posts.get(id);

const schema = buildSubgraphSchema({
  typeDefs,
  resolvers: {
    Query: {
      posts: () => ({
        nodes: [...posts.keys()].map((id) => ({ id })),
        pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      }),
      node: (_: unknown, { id }: { id: string }) => node(id),
      nodes: (_: unknown, { ids }: { ids: string[] }) => ids.map(node),
    },
    Post: {
      __resolveReference: ({ id }: { id: string }) => (posts.has(id) ? { id } : null),
      title: ({ id }: { id: string }) => post(id)?.title,
      author: ({ id }: { id: string }) => ({ __typename: "User", id: post(id)?.author }),
    },
    User: {
      posts: ({ id }: { id: string }) =>
        [...posts].filter(([, { author }]) => author === id).map(([id]) => ({ id })),
    },
  },
});

/** Serves the subgraph. */
export async function serve() {
  const server = createServer(async (request, response) => {
    const { query, variables } = (await json(request)) as { query: string; variables?: Record<string, unknown> };
    const result = await graphql({ schema, source: query, variableValues: variables ?? {} });
    response.setHeader("content-type", "application/json").end(JSON.stringify(result));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/graphql`, stop: () => server.close() };
}
