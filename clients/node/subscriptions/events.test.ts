// Tests graphql-sse in distinct connections mode.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, type Client, type ExecutionResult } from "graphql-sse";
import { url } from "../server";
import { logOf, newestOf, Person, sleep } from "./people";

interface Mine {
  accountEvents: { id: string; action: string };
}

function connect(token?: string): Client {
  return createClient({
    url,
    retryAttempts: 0,
    headers: (): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
}

/** All results of a subscription to the own account, until the server ends it. */
async function follow(client: Client, after: string | undefined, onAnswer?: (answer: ExecutionResult<Mine>) => void) {
  const query = "subscription ($after: ID) { accountEvents(after: $after) { id action } }";
  const answers: ExecutionResult<Mine>[] = [];
  for await (const answer of client.iterate<Mine>({ query, variables: { after } })) {
    answers.push(answer as ExecutionResult<Mine>);
    onAnswer?.(answer as ExecutionResult<Mine>);
  }
  return answers;
}

test("events arrive until the token expires, and continue with the next token", async () => {
  const ada = await Person.register("ada-sse");
  const count = 50;
  let after = await newestOf(ada);
  const writing = (async () => {
    for (let number = 0; number < count; number += 1) {
      await ada.fail();
      await sleep(80);
    }
  })();
  const heard: string[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const answers = await follow(connect(await ada.refresh()), after);
    const last = answers.pop();
    assert.equal(last?.errors?.[0]?.extensions?.["reason"], "TOKEN_EXPIRED");
    heard.push(...answers.map((answer) => answer.data?.accountEvents.id ?? "none"));
    after = heard.at(-1) ?? after;
  }
  await writing;
  const hear = ({ data }: ExecutionResult<Mine>) => data && heard.push(data.accountEvents.id);
  await follow(connect(await ada.refresh()), after, hear);
  assert.deepEqual(heard, (await logOf(ada)).slice(-count), "no event is lost or repeated");
});

test("a stream reports the end of its session", async () => {
  const grace = await Person.register("grace-sse");
  const newest = await newestOf(grace);
  await grace.fail();
  const answers = await follow(connect(grace.token), newest, ({ data }) => data && void grace.signOut());
  assert.equal(answers[0]?.data?.accountEvents.action, "LOGIN_FAILED");
  assert.equal(answers.at(-1)?.errors?.[0]?.extensions?.["reason"], "TOKEN_REVOKED");
});

test("a missing token and an invalid document are reported", async () => {
  const [only] = await follow(connect(), undefined);
  assert.equal(only?.errors?.[0]?.extensions?.["reason"], "TOKEN_MISSING");
  const broken = await connect().iterate({ query: "{" }).next();
  assert.equal(broken.value?.errors?.[0]?.extensions?.["code"], "GRAPHQL_PARSE_FAILED");
});

test("a query or a mutation returns a stream with one result", async () => {
  const edsger = await Person.register("edsger-sse");
  const me = await connect(edsger.token).iterate<{ me: { username: string } }>({ query: "{ me { username } }" }).next();
  assert.equal(me.value?.data?.me.username, "edsger-sse");
  const update = 'mutation { updateProfile(input: { displayName: "Edsger" }) { user { displayName } } }';
  const updated = await connect(edsger.token).iterate<{ updateProfile: { user: object } }>({ query: update }).next();
  assert.deepEqual(updated.value?.data?.updateProfile.user, { displayName: "Edsger" });
});
