// The schema and the resolvers, which all three servers use.
//
// `context.caller` has the claims of a verified access token, or is undefined. `tokens` signs and verifies:
// `issue(account, sid)` and `verifyRefresh(token)` may be asynchronous.

import { randomUUID } from "node:crypto";
import { GraphQLError } from "graphql";

export const ISSUER = "http://127.0.0.1";
export const AUDIENCE = "benchmark";
export const KEY_ID = "key";

/** The lifetimes of the tokens, seconds. */
export const ACCESS_SECONDS = 3600;
export const REFRESH_SECONDS = 7 * 24 * 3600;

const MAX_PAGE = 100;

export const typeDefs = /* GraphQL */ `
  type User {
    id: ID!
    username: String!
    email: String
    displayName: String
    roles: [String!]!
    createdAt: String
  }
  type PageInfo {
    hasNextPage: Boolean!
    endCursor: String
  }
  type UserConnection {
    nodes: [User!]!
    pageInfo: PageInfo!
  }
  type UserError {
    code: String!
  }
  type AuthPayload {
    accessToken: String
    refreshToken: String
    errors: [UserError!]!
  }
  input LoginInput {
    username: String!
    password: String!
  }
  input RefreshInput {
    refreshToken: String!
  }
  type Query {
    me: User
    user(username: String!): User
    users(first: Int!, after: String): UserConnection
  }
  type Mutation {
    login(input: LoginInput!): AuthPayload!
    refresh(input: RefreshInput!): AuthPayload!
  }
`;

function signedIn(context) {
  if (!context.caller) throw new GraphQLError("Sign in first.", { extensions: { code: "UNAUTHENTICATED" } });
  return context.caller;
}

function requireAdmin(context) {
  if (!signedIn(context).roles.includes("admin")) {
    throw new GraphQLError("Only for administrators.", { extensions: { code: "FORBIDDEN" } });
  }
}

const refused = (code) => ({ accessToken: null, refreshToken: null, errors: [{ code }] });

/** The payload with new tokens. */
async function issued(tokens, account, sid) {
  const [accessToken, refreshToken] = await tokens.issue(account, sid);
  return { accessToken, refreshToken, errors: [] };
}

export function makeResolvers(accounts, tokens) {
  return {
    Query: {
      me: (_, __, context) => {
        const { sub, username, roles } = signedIn(context);
        return { id: sub, username, roles };
      },
      user: (_, { username }, context) => {
        requireAdmin(context);
        return accounts.find(username);
      },
      users: (_, { first, after }, context) => {
        requireAdmin(context);
        if (first < 0 || first > MAX_PAGE) throw new GraphQLError("`first` must be from 0 to 100.");
        const key = after == null ? undefined : Buffer.from(after, "base64url").toString().split("|");
        if (key && key.length !== 2) throw new GraphQLError("No such cursor.");
        const found = accounts.list(first + 1, key);
        const nodes = found.slice(0, first);
        const last = nodes.at(-1);
        const endCursor = last ? Buffer.from(`${last.createdAt}|${last.id}`).toString("base64url") : null;
        return { nodes, pageInfo: { hasNextPage: found.length > first, endCursor } };
      },
    },
    Mutation: {
      login: async (_, { input }) => {
        const account = await accounts.signIn(input.username, input.password);
        return account ? issued(tokens, account, randomUUID()) : refused("INVALID_CREDENTIALS");
      },
      // The refresh token is not stored, so it can be used again until it expires.
      refresh: async (_, { input }) => {
        const claims = await tokens.verifyRefresh(input.refreshToken);
        const account = claims && accounts.find(claims.username);
        return account ? issued(tokens, account, claims.sid) : refused("INVALID_REFRESH_TOKEN");
      },
    },
  };
}

/** The claims of a new access token and of a new refresh token, without times, issuer and audience. */
export function claimsOf(account, sid) {
  const common = { sub: account.id, sid, username: account.username };
  return [
    { ...common, jti: randomUUID(), roles: account.roles },
    { ...common, jti: randomUUID() },
  ];
}

/** The bearer token of a request. */
export function bearer(authorization) {
  return authorization?.startsWith("Bearer ") ? authorization.slice(7) : undefined;
}
