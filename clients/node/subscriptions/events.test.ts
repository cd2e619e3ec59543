// graphql-sse, in its mode of distinct connections.

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

/** All that comes of following the own account, until the server ends it. */
async function follow(client: Client, after: string | undefined, onAnswer?: (answer: ExecutionResult<Mine>) => void) {
  const query = "subscription ($after: ID) { accountEvents(after: $after) { id action } }";
  const answers: ExecutionResult<Mine>[] = [];
  for await (const answer of client.iterate<Mine>({ query, variables: { after } })) {
    answers.push(answer as ExecutionResult<Mine>);
    onAnswer?.(answer as ExecutionResult<Mine>);
  }
  return answers;
}

test("events come until the token expires, and go on from there with the next", async () => {
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
  assert.deepEqual(heard, (await logOf(ada)).slice(-count), "none is lost and none comes twice");
});

test("a stream says that its session is over", async () => {
  const grace = await Person.register("grace-sse");
  const newest = await newestOf(grace);
  await grace.fail();
  const answers = await follow(connect(grace.token), newest, ({ data }) => data && void grace.signOut());
  assert.equal(answers[0]?.data?.accountEvents.action, "LOGIN_FAILED");
  assert.equal(answers.at(-1)?.errors?.[0]?.extensions?.["reason"], "TOKEN_REVOKED");
});

test("who is nobody is told so, and what is no document too", async () => {
  const [only] = await follow(connect(), undefined);
  assert.equal(only?.errors?.[0]?.extensions?.["reason"], "TOKEN_MISSING");
  const broken = await connect().iterate({ query: "{" }).next();
  assert.equal(broken.value?.errors?.[0]?.extensions?.["code"], "GRAPHQL_PARSE_FAILED");
});

test("queries and mutations are answered as a stream of one", async () => {
  const edsger = await Person.register("edsger-sse");
  const me = await connect(edsger.token).iterate<{ me: { username: string } }>({ query: "{ me { username } }" }).next();
  assert.equal(me.value?.data?.me.username, "edsger-sse");
  const update = 'mutation { updateProfile(input: { displayName: "Edsger" }) { user { displayName } } }';
  const updated = await connect(edsger.token).iterate<{ updateProfile: { user: object } }>({ query: update }).next();
  assert.deepEqual(updated.value?.data?.updateProfile.user, { displayName: "Edsger" });
});
