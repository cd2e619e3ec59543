// The documents that relay-compiler reads. The tests import the generated artifacts.

import { graphql } from "relay-runtime";

graphql`
  query MeQuery {
    me {
      username
    }
  }
`;

graphql`
  mutation MeLoginMutation($input: LoginInput!) {
    login(input: $input) {
      accessToken
    }
  }
`;
