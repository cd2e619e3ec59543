import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../../schema.graphql",
  documents: "codegen/documents.ts",
  generates: {
    "codegen/generated/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: "string",
        scalars: {
          DateTime: "string",
          JSON: "Record<string, unknown>",
          PublicKeyCredentialCreationOptionsJSON: "PublicKeyCredentialCreationOptionsJSON",
          PublicKeyCredentialRequestOptionsJSON: "PublicKeyCredentialRequestOptionsJSON",
          RegistrationResponseJSON: "Record<string, unknown>",
          AuthenticationResponseJSON: "Record<string, unknown>",
        },
        strictScalars: true,
        useTypeImports: true,
      },
    },
  },
};
export default config;
