// The schema as a client finds it: by introspection of the running server.

import assert from "node:assert/strict";
import { buildClientSchema, getIntrospectionQuery, type GraphQLSchema, type IntrospectionQuery } from "graphql";
import { ask } from "../server";

/** The schema that the server tells. */
export async function served(): Promise<GraphQLSchema> {
  const query = getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true });
  const { data, errors } = await ask<IntrospectionQuery>(query, {});
  assert(data, errors?.[0]?.message);
  return buildClientSchema(data);
}
