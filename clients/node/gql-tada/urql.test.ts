// Tests urql with documents typed by gql.tada.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { ask, password, url } from "../server";
import { client, type Tokens } from "./client";
import { graphql } from "./graphql";

const Register = graphql(`
  mutation Register($input: RegisterInput!) {
    register(input: $input) {
      accessToken
      refreshToken
      user {
        createdAt
      }
      errors {
        code
      }
    }
  }
`);

const Login = graphql(`
  mutation Login($input: LoginInput!) {
    login(input: $input) {
      accessToken
      errors {
        code
      }
    }
  }
`);

const Me = graphql(`
  query Me {
    me {
      username
    }
  }
`);

const Sessions = graphql(`
  query Sessions($first: Int, $after: String) {
    me {
      sessions(first: $first, after: $after) {
        nodes {
          id
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const Logout = graphql(`
  mutation Logout {
    logout {
      errors {
        code
      }
    }
  }
`);

/** Waits until an access token has expired. */
async function expiry(token: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { errors } = await ask("{ me { id } }", {}, token);
    if (errors?.[0]?.extensions.reason === "TOKEN_EXPIRED") return;
    await setTimeout(50);
  }
  assert.fail("the token does not expire: PORTCULLIS_TOKENS__ACCESS_TTL must be short for this test");
}

test("a user registers, is refused, continues with an expired token, lists sessions and signs out", async () => {
  const tokens: Tokens = { accessToken: null, refreshToken: null };
  const urql = client(url, tokens);
  const refused = await urql.query(Me, {});
  assert.equal(refused.error?.graphQLErrors[0]?.extensions["reason"], "TOKEN_MISSING");

  const input = { username: "urql", password };
  const { data } = await urql.mutation(Register, { input });
  assert(data?.register.accessToken);
  const since: string | undefined = data.register.user?.createdAt;
  assert(since && !Number.isNaN(Date.parse(since)));
  Object.assign(tokens, { accessToken: data.register.accessToken, refreshToken: data.register.refreshToken });

  const wrong = await urql.mutation(Login, { input: { ...input, password: "not this one" } });
  assert.deepEqual(wrong.data?.login, { accessToken: null, errors: [{ code: "INVALID_CREDENTIALS" }] });

  await expiry(data.register.accessToken);
  const answers = await Promise.all([1, 2, 3].map(() => urql.query(Me, {}, { requestPolicy: "network-only" })));
  assert.deepEqual(answers.map((answer) => answer.data?.me?.username), ["urql", "urql", "urql"]);
  assert.notEqual(tokens.refreshToken, data.register.refreshToken);

  await urql.mutation(Login, { input });
  const ids = new Set<string>();
  const page = async (after: string | null) => {
    const { data } = await urql.query(Sessions, { first: 1, after });
    assert(data?.me?.sessions);
    return data.me.sessions;
  };
  let after: string | null = null;
  for (const more of [true, false]) {
    const sessions = await page(after);
    assert.equal(sessions.pageInfo.hasNextPage, more);
    sessions.nodes.forEach(({ id }) => ids.add(id));
    after = sessions.pageInfo.endCursor;
  }
  assert.equal(ids.size, 2);

  const out = await urql.mutation(Logout, {});
  assert.deepEqual(out.data?.logout.errors, []);
  const late = await urql.query(Me, {}, { requestPolicy: "network-only" });
  assert.equal(late.data?.me, null);
});
