// The documents that relay-compiler reads. In an application, babel-plugin-relay replaces each document with its
// artifact. The tests import the artifacts directly, so this file is never run.

import { graphql } from "relay-runtime";

graphql`
  query AccountsQuery($first: Int, $last: Int, $order: UserOrder!) {
    ...Accounts_list @arguments(first: $first, last: $last, order: $order)
  }
`;

graphql`
  fragment Accounts_list on Query
  @refetchable(queryName: "AccountsPageQuery")
  @argumentDefinitions(
    first: { type: "Int" }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
    order: { type: "UserOrder!" }
  ) {
    users(first: $first, after: $after, last: $last, before: $before, orderBy: $order)
      @connection(key: "Accounts_users", filters: ["orderBy"]) {
      __id
      totalCount
      edges {
        node {
          id
          username
          ...Accounts_details
        }
      }
      pageInfo {
        hasPreviousPage
        hasNextPage
        startCursor
        endCursor
      }
    }
  }
`;

graphql`
  fragment Accounts_details on User @refetchable(queryName: "AccountsDetailsQuery") {
    displayName
    roles
    createdAt
  }
`;

graphql`
  query AccountsRawPageQuery($first: Int, $after: String, $last: Int, $before: String, $order: UserOrder!) {
    users(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
      nodes {
        username
      }
      pageInfo {
        hasPreviousPage
        hasNextPage
        startCursor
        endCursor
      }
    }
  }
`;

graphql`
  query AccountsNodesQuery($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      id
      ... on User {
        username
      }
      ... on Session {
        current
      }
    }
  }
`;

graphql`
  mutation AccountsPrependMutation($input: CreateUserInput!, $connections: [ID!]!) {
    createUser(input: $input) {
      user @prependNode(connections: $connections, edgeTypeName: "UserEdge") {
        id
        username
      }
      errors {
        code
        field
      }
    }
  }
`;

graphql`
  mutation AccountsAppendMutation($input: CreateUserInput!, $connections: [ID!]!) {
    createUser(input: $input) {
      user @appendNode(connections: $connections, edgeTypeName: "UserEdge") {
        id
        username
      }
      errors {
        code
      }
    }
  }
`;

graphql`
  mutation AccountsDeleteMutation($input: DeleteUserInput!, $connections: [ID!]!) {
    deleteUser(input: $input) {
      deletedId @deleteEdge(connections: $connections)
      deletedRecord: deletedId @deleteRecord
      errors {
        code
      }
    }
  }
`;

graphql`
  mutation AccountsRenameMutation($input: UpdateUserInput!) {
    updateUser(input: $input) {
      user {
        ...Accounts_details
      }
      errors {
        code
      }
    }
  }
`;

graphql`
  subscription AccountsEventsSubscription($after: ID) {
    auditEvents(after: $after, filter: { actions: [USER_UPDATED] }) {
      id
      action
      user {
        ...Accounts_details
      }
    }
  }
`;
