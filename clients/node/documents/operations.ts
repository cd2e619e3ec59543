// The operations that generate-persisted-query-manifest reads. The tests execute them with Apollo Client.

import { gql, type TypedDocumentNode } from "@apollo/client";

export interface ServerData {
  server: { version: string };
}

export interface LoginData {
  login: { accessToken: string | null; errors: { code: string }[] };
}

export const SERVER: TypedDocumentNode<ServerData> = gql`
  query DocumentsServer {
    server {
      version
    }
  }
`;

export const LOGIN: TypedDocumentNode<LoginData> = gql`
  mutation DocumentsLogin($input: LoginInput!) {
    login(input: $input) {
      accessToken
      errors {
        code
      }
    }
  }
`;

export const ME: TypedDocumentNode<{ me: { username: string } }> = gql`
  query DocumentsMe {
    me {
      id
      username
    }
  }
`;
