// What relay-compiler reads; the tests import the artifacts that it makes.

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
