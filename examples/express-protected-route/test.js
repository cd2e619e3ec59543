// Tests the route with the server that PORTCULLIS_BIN names.

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

/** Starts the application. Returns a function that requests the route with an Authorization header. */
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

test("a valid token is accepted", async () => {
  const get = await run();
  assert.deepEqual(await get(`Bearer ${good}`), WELCOME);
  assert.deepEqual(
    await get(`bearer ${good}`),
    WELCOME,
    "the scheme's case does not matter (RFC 9110 §11.1)",
  );
});

test("a request without a token is rejected", async () => {
  const get = await run();
  assert.deepEqual(await get(), UNAUTHORIZED);
  assert.deepEqual(await get("Bearer "), UNAUTHORIZED);
  assert.deepEqual(await get("Basic YWRhOmFkYQ=="), UNAUTHORIZED);
});

test("a malformed or forged token is rejected", async () => {
  const get = await run();
  assert.deepEqual(await get("Bearer garbage"), INVALID);
  const [header, claims] = good.split(".");
  assert.deepEqual(await get(`Bearer ${header}.${claims}.${"A".repeat(86)}`), INVALID);
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");
  assert.deepEqual(await get(`Bearer ${none}.${claims}.`), INVALID);
  const { refreshToken } = await portcullis.register("grace");
  assert.deepEqual(await get(`Bearer ${refreshToken}`), INVALID);
});

test("a token for another audience or from another issuer is rejected", async () => {
  assert.deepEqual(await (await run({ audience: "payroll" }))(`Bearer ${good}`), INVALID);
  assert.deepEqual(await (await run({ issuer: "https://id.example.com" }))(`Bearer ${good}`), INVALID);
});

test("an expired token is rejected", async () => {
  const server = await startServer({ settings: { PORTCULLIS_TOKENS__ACCESS_TTL: "1s" } });
  running.push(server.remove);
  const get = await run({ server });
  const { accessToken } = await server.register("ada");
  assert.deepEqual(await get(`Bearer ${accessToken}`), WELCOME);
  const rejected = await until(async () => {
    const response = await get(`Bearer ${accessToken}`);
    return response.status === 401 && response;
  });
  assert.deepEqual(rejected, INVALID);
});

test("a new key is fetched", async () => {
  // By default, jose fetches at most every 30 s.
  const get = await run({ cooldownDuration: 0 });
  assert.deepEqual(await get(`Bearer ${good}`), WELCOME);
  const { keys } = await (await fetch(`${portcullis.url}/.well-known/jwks.json`)).json();
  const known = keys.map(({ kid }) => kid);
  let name = 0;
  const token = await until(async () => {
    await portcullis.run("keys", "rotate", "--now");
    const { accessToken } = await portcullis.register(`person${++name}`);
    return !known.includes(decodeProtectedHeader(accessToken).kid) && accessToken;
  });
  assert.deepEqual(await get(`Bearer ${token}`), WELCOME);
  assert.deepEqual(await get(`Bearer ${good}`), WELCOME, "the old key is valid until its tokens have expired");
});

test("while the keys are unavailable, the response is 503", async () => {
  const server = await startServer();
  running.push(server.remove);
  const get = await run({ server });
  const { accessToken } = await server.register("ada");
  await server.stop();
  assert.deepEqual(await get(`Bearer ${accessToken}`), {
    status: 503,
    body: '{"message":"Try again later"}',
  });
});
