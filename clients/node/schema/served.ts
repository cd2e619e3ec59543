// The schema by introspection of the running server, as a client gets it.

import assert from "node:assert/strict";
import { buildClientSchema, getIntrospectionQuery, type GraphQLSchema, type IntrospectionQuery } from "graphql";
import { ask } from "../server";

/** The schema of the running server. */
export async function served(): Promise<GraphQLSchema> {
  const query = getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true });
  const { data, errors } = await ask<IntrospectionQuery>(query, {});
  assert(data, errors?.[0]?.message);
  return buildClientSchema(data);
}
