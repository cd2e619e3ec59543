import { graphql } from "./generated";

export const Register = graphql(`
  mutation Register($input: RegisterInput!) {
    register(input: $input) {
      accessToken
      refreshToken
      expiresIn
      user {
        id
        createdAt
      }
      errors {
        code
        field
      }
    }
  }
`);

export const Login = graphql(`
  mutation Login($input: LoginInput!) {
    login(input: $input) {
      accessToken
      errors {
        code
        message
        retryAfter
      }
    }
  }
`);

export const Refresh = graphql(`
  mutation Refresh($input: RefreshInput!) {
    refresh(input: $input) {
      accessToken
      refreshToken
      errors {
        code
      }
    }
  }
`);

export const Me = graphql(`
  query Me {
    me {
      username
      roles
      lastLoginAt
    }
  }
`);

export const Sessions = graphql(`
  query Sessions($first: Int, $after: String) {
    me {
      sessions(first: $first, after: $after) {
        totalCount
        nodes {
          id
          current
          createdAt
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export const Logout = graphql(`
  mutation Logout {
    logout {
      errors {
        code
      }
    }
  }
`);
