import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./schema";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    DateTime: string;
    JSON: Record<string, unknown>;
    PublicKeyCredentialCreationOptionsJSON: PublicKeyCredentialCreationOptionsJSON;
    PublicKeyCredentialRequestOptionsJSON: PublicKeyCredentialRequestOptionsJSON;
    RegistrationResponseJSON: Record<string, unknown>;
    AuthenticationResponseJSON: Record<string, unknown>;
  };
}>();
