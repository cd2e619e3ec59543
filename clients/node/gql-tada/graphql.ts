import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./schema";

export const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string; JSON: Record<string, unknown> } }>();
