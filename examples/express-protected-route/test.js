// Tests the route with the server that PORTCULLIS_BIN names.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { SignJWT, createRemoteJWKSet, decodeProtectedHeader, generateKeyPair } from "jose";

import { startServer, until } from "../../clients/harness/server.mjs";
import { createApp } from "./app.js";
import { createStatusCheck } from "./status.js";

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

/** Ends the session of an access token. */
async function signOut(server, accessToken) {
  const response = await fetch(`${server.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${accessToken}` },
    body: JSON.stringify({ query: "mutation { logout { errors { code } } }" }),
  });
  assert.deepEqual(await response.json(), { data: { logout: { errors: [] } } });
}

/** Starts the application. Returns a function that requests the route with an Authorization header. */
async function run({ server = portcullis, audience = "portcullis", issuer = server.url, now = Date.now, ...options } = {}) {
  const keys = createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`), options);
  const isRevoked = createStatusCheck(keys, now);
  const listener = createApp(keys, { issuer, audience }, isRevoked).listen(0, "127.0.0.1");
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

test("the shortest verification accepts a valid token only", async () => {
  const verify = (token) =>
    promisify(execFile)(process.execPath, ["verify.js", token], { env: { ...process.env, ISSUER: portcullis.url } });
  const [, claims] = good.split(".");
  const { sub } = JSON.parse(Buffer.from(claims, "base64url"));
  assert.match((await verify(good)).stdout, new RegExp(`^${sub}\n`));
  await assert.rejects(verify(good.slice(0, -8)), /signature verification failed/);
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

test("a token is rejected within the ttl after the sign-out, and no other", async () => {
  const server = await startServer({ settings: { PORTCULLIS_TOKENS__STATUS_LIST_TTL: "5s" } });
  running.push(server.remove);
  const get = await run({ server });
  const { accessToken } = await server.register("ada");
  const { accessToken: other } = await server.register("grace");
  assert.deepEqual(await get(`Bearer ${accessToken}`), WELCOME);
  const began = Date.now();
  await signOut(server, accessToken);
  const rejected = await until(async () => {
    const response = await get(`Bearer ${accessToken}`);
    return response.status === 401 && response;
  });
  assert.deepEqual(rejected, INVALID);
  const took = Date.now() - began;
  assert.ok(took < 5500, `it took ${took} ms`);
  assert.deepEqual(await get(`Bearer ${other}`), WELCOME);
});

test("a list is downloaded once in its ttl, also by concurrent requests", async (t) => {
  let time = Date.now();
  const get = await run({ now: () => time });
  const requests = t.mock.method(globalThis, "fetch");
  const lists = () => requests.mock.calls.filter(({ arguments: [url] }) => `${url}`.includes("/status-lists/"));
  const times = (number) => Promise.all(Array.from({ length: number }, () => get(`Bearer ${good}`)));
  assert.deepEqual(await times(20), Array(20).fill(WELCOME));
  assert.equal(lists().length, 1);
  time += 59_000;
  await times(5);
  assert.equal(lists().length, 1);
  time += 2_000;
  assert.deepEqual(await times(5), Array(5).fill(WELCOME));
  assert.equal(lists().length, 2);
  assert.equal((await lists()[1].result).status, 304, "the list has not changed");
});

test("while the server is down, the last list is used until it expires", async () => {
  const server = await startServer();
  running.push(server.remove);
  let time = Date.now();
  const get = await run({ server, now: () => time });
  const { accessToken } = await server.register("ada");
  assert.deepEqual(await get(`Bearer ${accessToken}`), WELCOME);
  await server.stop();
  time += 120_000;
  assert.deepEqual(await get(`Bearer ${accessToken}`), WELCOME);
  time += 600_000;
  assert.deepEqual(await get(`Bearer ${accessToken}`), {
    status: 503,
    body: '{"message":"Try again later"}',
  });
});

/** Answers all requests for lists with this text. */
function serveList(t, text) {
  const original = globalThis.fetch;
  t.mock.method(globalThis, "fetch", (url, options) =>
    `${url}`.includes("/status-lists/") ? Promise.resolve(new Response(text)) : original(url, options),
  );
}

test("a list that is forged, of another URL or no list at all is not used", async (t) => {
  const { status } = JSON.parse(Buffer.from(good.split(".")[1], "base64url"));
  const { uri } = status.status_list;
  const list = await (await fetch(uri)).text();
  const [header, claims, signature] = list.split(".");
  const shard = Number(uri.split("/").at(-1));
  const another = await (await fetch(uri.replace(/\d+$/, (shard + 1) % 16))).text();
  for (const text of [good, another, `${header}.${claims}.${"A".repeat(signature.length)}`, "garbage", ""]) {
    await t.test(`${text.length} characters`, async (t) => {
      const get = await run();
      serveList(t, text);
      assert.equal((await get(`Bearer ${good}`)).status, 503);
    });
  }
});

test("the examples of the draft are read", async (t) => {
  // Sections 4.1 and 4.2 of draft-ietf-oauth-status-list.
  const examples = [
    [{ bits: 1, lst: "eNrbuRgAAhcBXQ" }, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]],
    [{ bits: 2, lst: "eNo76fITAAPfAgc" }, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]],
  ];
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const uri = "http://127.0.0.1/status-lists/1";
  for (const [status_list, statuses] of examples) {
    await t.test(`${status_list.bits} bits`, async (t) => {
      const list = new SignJWT({ status_list, sub: uri }).setProtectedHeader({ alg: "EdDSA", typ: "statuslist+jwt" });
      serveList(t, await list.setIssuedAt().sign(privateKey));
      const isRevoked = createStatusCheck(publicKey);
      const found = await Promise.all(statuses.map((_, idx) => isRevoked({ status: { status_list: { idx, uri } } })));
      assert.deepEqual(found, statuses.map((status) => status !== 0));
      assert.equal(await isRevoked({ status: { status_list: { idx: statuses.length, uri } } }), true, "no such index");
      assert.equal(await isRevoked({}), false, "a token without a status");
    });
  }
});
