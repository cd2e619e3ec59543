// Against the real server, which PORTCULLIS_BIN names.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRemoteJWKSet, decodeProtectedHeader } from "jose";

import { startServer, until } from "../../clients/harness/server.mjs";
import { createApp } from "./app.js";

const WELCOME = { status: 200, body: "Welcome to the protected route!" };
const UNAUTHORIZED = { status: 401, body: '{"message":"Unauthorized"}' };
const INVALID = { status: 401, body: '{"message":"Invalid token"}' };

let portcullis;
let good;
const running = [];

before(async () => {
  portcullis = await startServer();
  good = (await portcullis.register("ada")).accessToken;
});
after(async () => {
  for (const stop of running) await stop();
  await portcullis.remove();
});

/** Runs the application; gives what asks its route with a header. */
async function run({ server = portcullis, audience = "portcullis", issuer = server.url, ...options } = {}) {
  const keys = createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`), options);
  const listener = createApp(keys, { issuer, audience }).listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  running.push(() => listener.close());
  const url = `http://127.0.0.1:${listener.address().port}/api/protected-route`;
  return async (authorization) => {
    const response = await fetch(url, { headers: authorization ? { authorization } : {} });
    return { status: response.status, body: await response.text() };
  };
}

test("a good token opens the route", async () => {
  const ask = await run();
  assert.deepEqual(await ask(`Bearer ${good}`), WELCOME);
  assert.deepEqual(
    await ask(`bearer ${good}`),
    WELCOME,
    "the scheme's case does not matter (RFC 9110 §11.1)",
  );
});

test("without a token it stays shut", async () => {
  const ask = await run();
  assert.deepEqual(await ask(), UNAUTHORIZED);
  assert.deepEqual(await ask("Bearer "), UNAUTHORIZED);
  assert.deepEqual(await ask("Basic YWRhOmFkYQ=="), UNAUTHORIZED);
});

test("to a token that is none it stays shut", async () => {
  const ask = await run();
  assert.deepEqual(await ask("Bearer garbage"), INVALID);
  const [header, claims] = good.split(".");
  assert.deepEqual(await ask(`Bearer ${header}.${claims}.${"A".repeat(86)}`), INVALID);
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");
  assert.deepEqual(await ask(`Bearer ${none}.${claims}.`), INVALID);
  const { refreshToken } = await portcullis.register("grace");
  assert.deepEqual(await ask(`Bearer ${refreshToken}`), INVALID);
});

test("to a token for somebody else it stays shut", async () => {
  assert.deepEqual(await (await run({ audience: "payroll" }))(`Bearer ${good}`), INVALID);
  assert.deepEqual(await (await run({ issuer: "https://id.example.com" }))(`Bearer ${good}`), INVALID);
});

test("to an expired token it stays shut", async () => {
  const server = await startServer({ settings: { PORTCULLIS_TOKENS__ACCESS_TTL: "1s" } });
  running.push(server.remove);
  const ask = await run({ server });
  const { accessToken } = await server.register("ada");
  assert.deepEqual(await ask(`Bearer ${accessToken}`), WELCOME);
  const shut = await until(async () => {
    const answer = await ask(`Bearer ${accessToken}`);
    return answer.status === 401 && answer;
  });
  assert.deepEqual(shut, INVALID);
});

test("a key that nobody had seen before is fetched", async () => {
  // jose fetches at most every 30 s by itself.
  const ask = await run({ cooldownDuration: 0 });
  assert.deepEqual(await ask(`Bearer ${good}`), WELCOME);
  const { keys } = await (await fetch(`${portcullis.url}/.well-known/jwks.json`)).json();
  const known = keys.map(({ kid }) => kid);
  let name = 0;
  const token = await until(async () => {
    await portcullis.run("keys", "rotate", "--now");
    const { accessToken } = await portcullis.register(`person${++name}`);
    return !known.includes(decodeProtectedHeader(accessToken).kid) && accessToken;
  });
  assert.deepEqual(await ask(`Bearer ${token}`), WELCOME);
  assert.deepEqual(await ask(`Bearer ${good}`), WELCOME, "the old key counts until its tokens have expired");
});

test("while the keys cannot be had, no token is called invalid", async () => {
  const server = await startServer();
  running.push(server.remove);
  const ask = await run({ server });
  const { accessToken } = await server.register("ada");
  await server.stop();
  assert.deepEqual(await ask(`Bearer ${accessToken}`), {
    status: 503,
    body: '{"message":"Try again later"}',
  });
});
