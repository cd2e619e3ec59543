import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createPortcullis } from "@portcullis/client";

import { startServer, until } from "../../harness/server.mjs";

const password = "correct horse battery";
const ME = "{ me { username } }";
let server;
let people = 0;
/** The documents that were sent to the server in this test. */
let sent;

before(async () => {
  server = await startServer();
});
after(() => server.remove());
beforeEach(() => {
  sent = [];
});

const refreshes = () => sent.filter((document) => document.includes("refresh(")).length;

function client(options = {}) {
  const fetch = (url, init) => {
    sent.push(JSON.parse(init.body).query);
    return globalThis.fetch(url, init);
  };
  return createPortcullis({ url: `${server.url}/graphql`, delivery: "body", fetch, ...options });
}

async function signedIn(options) {
  const portcullis = client(options);
  const username = `person${++people}`;
  const { errors } = await portcullis.register({ username, password });
  assert.deepEqual(errors, []);
  return Object.assign(portcullis, { username });
}

/** Advances the client's clock beyond the lifetime of the access token. The server's clock does not change. */
function anHourLater(t) {
  const now = Date.now;
  t.mock.method(Date, "now", () => now() + 3_600_000);
}

test("a registration signs in and notifies the listeners", async () => {
  const portcullis = client();
  const heard = [];
  const stop = portcullis.onChange((state) => heard.push(state.status));
  assert.deepEqual(portcullis.state, { status: "unknown" });
  const { user } = await portcullis.register({ username: "ada", password, email: "ada@example.com" });
  assert.equal(user.username, "ada");
  assert.equal(user.email, "ada@example.com");
  assert.deepEqual(portcullis.state, { status: "signedIn", user });
  assert.deepEqual(await portcullis.request(ME), { me: { username: "ada" } });
  await portcullis.logout();
  assert.deepEqual(portcullis.state, { status: "signedOut" });
  assert.equal(await portcullis.accessToken(), null);
  stop();
  await portcullis.login({ username: "ada", password });
  assert.deepEqual(heard, ["signedIn", "signedOut"]);
});

test("an error in a listener does not affect the others", async (t) => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  t.after(() => delete globalThis.reportError);
  const portcullis = client();
  const heard = [];
  portcullis.onChange(() => {
    throw new Error("a fault of the page");
  });
  portcullis.onChange(({ status }) => heard.push(status));
  const { user } = await portcullis.register({ username: `person${++people}`, password });
  assert.deepEqual(portcullis.state, { status: "signedIn", user });
  await portcullis.logout();
  assert.deepEqual(heard, ["signedIn", "signedOut"]);
  assert.deepEqual(reported, ["a fault of the page", "a fault of the page"]);
});

test("an error that the user can correct is data", async () => {
  const portcullis = await signedIn();
  const again = await portcullis.register({ username: portcullis.username, password });
  assert.equal(again.user, null);
  assert.deepEqual(
    again.errors.map(({ code, field }) => [code, field]),
    [["USERNAME_TAKEN", ["input", "username"]]],
  );
  const wrong = await client().login({ username: portcullis.username, password: "not my password" });
  assert.equal(wrong.errors[0].code, "INVALID_CREDENTIALS");
  assert.equal(portcullis.state.status, "signedIn", "a failed sign-in changes nothing");
});

test("adopt continues a session that another operation has opened", async (t) => {
  const { username } = await signedIn();
  const portcullis = client();
  assert.equal(portcullis.expiresAt, null);
  const document = `mutation ($input: LoginInput!) {
    login(input: $input) {
      accessToken refreshToken expiresIn user { id username displayName email roles }
    }
  }`;
  const { login } = await server.ask(document, { input: { username, password } });
  await portcullis.adopt(login);
  assert.deepEqual(portcullis.state, { status: "signedIn", user: login.user });
  assert.equal(await portcullis.accessToken(), login.accessToken);
  const expiresIn = (portcullis.expiresAt - Date.now()) / 1000;
  assert.ok(expiresIn > 3590 && expiresIn <= 3600, `${expiresIn} s`);
  anHourLater(t);
  assert.deepEqual(await portcullis.request(ME), { me: { username } });
  assert.equal(refreshes(), 1);
});

test("a throttled sign-in returns retryAfter", async () => {
  const result = {
    data: {
      payload: {
        accessToken: null,
        refreshToken: null,
        expiresIn: null,
        user: null,
        errors: [{ code: "RATE_LIMITED", message: "Wait.", field: null, retryAfter: 4 }],
      },
    },
  };
  const portcullis = client({ fetch: async () => Response.json(result) });
  const { errors } = await portcullis.login({ username: "ada", password });
  assert.equal(errors[0].retryAfter, 4);
});

test("changePassword ends the other sessions and keeps this one", async () => {
  const portcullis = await signedIn();
  const elsewhere = client();
  await elsewhere.login({ username: portcullis.username, password });
  const wrong = await portcullis.changePassword({
    currentPassword: "not it at all",
    newPassword: "rope winch granite",
  });
  assert.equal(wrong.errors[0].code, "INVALID_CREDENTIALS");
  const right = await portcullis.changePassword({
    currentPassword: password,
    newPassword: "rope winch granite",
  });
  assert.equal(right.user.username, portcullis.username);
  assert.equal((await portcullis.request(ME)).me.username, portcullis.username);
  await assert.rejects(elsewhere.request(ME), { code: "UNAUTHENTICATED", reason: "TOKEN_REVOKED" });
  assert.equal(elsewhere.state.status, "signedOut");
});

test("changePassword throws if the user is signed out", async () => {
  const change = client().changePassword({ currentPassword: password, newPassword: "rope winch granite" });
  await assert.rejects(change, { code: "UNAUTHENTICATED", reason: "TOKEN_MISSING" });
});

test("reauthenticate renews a login that is too old, and continues the session", async (t) => {
  // Every login is too old for a change of the address after a second.
  const impatient = await startServer({ settings: { PORTCULLIS_ACCOUNTS__STEP_UP_AFTER: "1s" } });
  t.after(() => impatient.remove());
  const portcullis = client({ url: `${impatient.url}/graphql` });
  await portcullis.register({ username: "ada", password });
  const change = () =>
    portcullis.request(
      'mutation { updateProfile(input: { email: "ada@example.com" }) { user { email } errors { code } } }',
    );
  const refused = await until(() => change().then(() => null, (error) => error));
  assert.equal(refused.code, "UNAUTHENTICATED");
  assert.equal(refused.requiresRecentLogin, true);
  const wrong = await portcullis.reauthenticate({ proof: { password: "not it at all" } });
  assert.equal(wrong.errors[0].code, "INVALID_CREDENTIALS");
  assert.equal(portcullis.state.status, "signedIn");
  const before = await portcullis.accessToken();
  const right = await portcullis.reauthenticate({ proof: { password } });
  assert.equal(right.user.username, "ada");
  assert.notEqual(await portcullis.accessToken(), before);
  assert.equal((await change()).updateProfile.user.email, "ada@example.com");
  assert.deepEqual(await portcullis.request(ME), { me: { username: "ada" } });
});

test("operations whose login is too old wait for one step-up, and are repeated after it", async (t) => {
  const impatient = await startServer({ settings: { PORTCULLIS_ACCOUNTS__STEP_UP_AFTER: "2s" } });
  t.after(() => impatient.remove());
  const answers = [];
  const portcullis = client({
    url: `${impatient.url}/graphql`,
    async stepUp() {
      const { methods, errors } = await portcullis.startReauthentication();
      assert.deepEqual([methods, errors], [["PASSWORD"], []]);
      const proof = answers.shift();
      return proof ? (await portcullis.reauthenticate({ proof })).user !== null : false;
    },
  });
  await portcullis.register({ username: "ada", password });
  const change = (name) =>
    portcullis.request(
      `mutation { updateProfile(input: { email: "${name}@example.com" }) { user { email } errors { code } } }`,
    );
  const refused = await until(() => change("ada").then(() => null, (error) => error));
  assert.equal(refused.requiresRecentLogin, true, "the user has cancelled");
  answers.push({ password });
  const results = await Promise.all([change("ada"), change("lovelace")]);
  assert.deepEqual(results.map(({ updateProfile }) => updateProfile.errors), [[], []]);
  assert.deepEqual(answers, [], "the user was asked once");
});

test("ten concurrent requests with an expired token refresh once", async (t) => {
  const portcullis = await signedIn();
  const old = await portcullis.accessToken();
  anHourLater(t);
  const results = await Promise.all(Array.from({ length: 10 }, () => portcullis.request(ME)));
  assert.equal(results.filter(({ me }) => me.username === portcullis.username).length, 10);
  assert.equal(refreshes(), 1);
  assert.notEqual(await portcullis.accessToken(), old);
});

test("ten concurrent requests with a revoked token refresh once", async () => {
  const portcullis = await signedIn();
  const old = await portcullis.accessToken();
  await server.run("users", "set-roles", portcullis.username, "--role", "user", "--role", "admin");
  await until(async () => (await server.ask(ME, {}, old).catch(() => "revoked")) === "revoked");
  const results = await Promise.all(Array.from({ length: 10 }, () => portcullis.request(ME)));
  assert.equal(results.filter(({ me }) => me.username === portcullis.username).length, 10);
  assert.equal(refreshes(), 1);
  assert.deepEqual(portcullis.state.user.roles, ["admin", "user"], "the page hears of the new roles");
});

test("a mutation that was partly executed is not repeated", async () => {
  const portcullis = await signedIn();
  const { username } = portcullis;
  const old = await portcullis.accessToken();
  await server.run("users", "set-roles", username, "--role", "admin");
  await until(async () => (await server.ask(ME, {}, old).catch(() => "revoked")) === "revoked");
  const document = `mutation ($input: LoginInput!) {
    login(input: $input) { errors { code } }
    revokeOtherSessions { revokedCount }
  }`;
  await assert.rejects(portcullis.request(document, { input: { username, password } }), {
    reason: "TOKEN_REVOKED",
    data: { login: { errors: [] }, revokeOtherSessions: null },
  });
  assert.equal(sent.filter((text) => text === document).length, 1);
});

test("a revoked session signs out", async () => {
  const portcullis = await signedIn();
  await server.run("sessions", "revoke", "--user", portcullis.username);
  await until(async () => (await portcullis.request(ME).catch(({ reason }) => ({ reason }))).reason);
  assert.equal(portcullis.state.status, "signedOut");
  assert.equal(refreshes(), 1);
});

test("an unavailable server does not sign out", async (t) => {
  let away = false;
  const fetch = (...request) => (away ? away() : globalThis.fetch(...request));
  const portcullis = await signedIn({ fetch });
  const unavailable = {
    errors: [{ message: "Busy.", extensions: { code: "SERVICE_UNAVAILABLE", retryAfter: 3 } }],
  };
  anHourLater(t);
  away = () => Promise.reject(new TypeError("fetch failed"));
  await assert.rejects(portcullis.request(ME), { code: "NETWORK_ERROR", isServerUnavailable: true });
  away = async () => Response.json(unavailable, { status: 503 });
  await assert.rejects(portcullis.request(ME), {
    code: "SERVICE_UNAVAILABLE",
    retryAfter: 3,
    isServerUnavailable: true,
  });
  away = async () => new Response("<h1>Bad Gateway</h1>", { status: 502, headers: { "retry-after": "7" } });
  await assert.rejects(portcullis.request(ME), { code: "SERVICE_UNAVAILABLE", retryAfter: 7 });
  away = async () => new Response("<h1>Welcome to the hotel's Wi-Fi</h1>");
  await assert.rejects(portcullis.request(ME), { code: "INVALID_RESPONSE", isServerUnavailable: true });
  await assert.rejects(portcullis.logout(), { code: "INVALID_RESPONSE" });
  assert.equal(portcullis.state.status, "signedIn");
  away = undefined;
  assert.equal((await portcullis.request(ME)).me.username, portcullis.username);
});

/** Loses the response to the first refresh, after the server has rotated the token. */
function losingOneRefresh(lose) {
  let lost = 0;
  return async (url, init) => {
    const response = await globalThis.fetch(url, init);
    sent.push(JSON.parse(init.body).query);
    if (!init.body.includes("refresh(") || lost++ > 0) return response;
    return lose(init);
  };
}

test("a refresh whose response is lost is repeated and does not sign out", async (t) => {
  const portcullis = await signedIn({
    fetch: losingOneRefresh(() => Promise.reject(new TypeError("fetch failed"))),
  });
  const { username } = portcullis;
  anHourLater(t);
  assert.deepEqual(await portcullis.request(ME), { me: { username } });
  assert.equal(refreshes(), 2);
  await portcullis.renew(await portcullis.accessToken());
  assert.deepEqual(await portcullis.request(ME), { me: { username } }, "the chain goes on");
});

test("a refresh without a response is repeated, and cancelled within the grace period", async (t) => {
  let giveUp;
  const portcullis = await signedIn({
    fetch: losingOneRefresh(async ({ signal }) => {
      giveUp();
      throw signal.reason;
    }),
  });
  const { username } = portcullis;
  const now = Date.now;
  let passed = 3_600_000;
  t.mock.method(Date, "now", () => now() + passed);
  const timeouts = [];
  t.mock.method(AbortSignal, "timeout", (ms) => {
    timeouts.push(ms);
    const controller = new AbortController();
    giveUp = () => {
      passed += ms;
      controller.abort(new DOMException("Time is up.", "TimeoutError"));
    };
    return controller.signal;
  });
  assert.deepEqual(await portcullis.request(ME), { me: { username } });
  assert.equal(refreshes(), 2);
  const [first, second] = timeouts;
  const grace = JSON.parse(await server.run("config", "--json")).find(
    ({ key }) => key === "tokens.refresh_grace",
  );
  assert.equal(grace.value, "10s");
  assert.ok(first >= 4_000 && second >= 3_000, "there is time for a slow network");
  assert.ok(first + second <= 9_000, "a second is left for the way to the server");
});

test("a refresh that other tabs have repeated too often is sent again a second later", async (t) => {
  const busy = {
    data: null,
    errors: [
      { message: "Repeated.", path: ["payload"], extensions: { code: "RATE_LIMITED", retryAfter: 1 } },
    ],
  };
  const portcullis = await signedIn({ fetch: losingOneRefresh(async () => Response.json(busy)) });
  const { username } = portcullis;
  anHourLater(t);
  assert.deepEqual(await portcullis.request(ME), { me: { username } });
  assert.equal(refreshes(), 2);
});

test("a valid token is used while a refresh is impossible", async (t) => {
  let away = false;
  const fetch = (...request) =>
    away ? Promise.reject(new TypeError("fetch failed")) : globalThis.fetch(...request);
  const portcullis = await signedIn({ fetch });
  const token = await portcullis.accessToken();
  const now = Date.now;
  t.mock.method(Date, "now", () => now() + 3_590_000);
  away = true;
  assert.equal(await portcullis.accessToken(), token);
});

test("request throws the errors together with the data", async () => {
  const portcullis = await signedIn();
  await assert.rejects(portcullis.request("{ server { version } users { totalCount } }"), (error) => {
    assert.equal(error.code, "FORBIDDEN");
    assert.equal(error.isServerUnavailable, false);
    assert.equal(error.data.users, null);
    assert.match(error.data.server.version, /^\d/);
    return true;
  });
  assert.equal(portcullis.state.status, "signedIn");
});

test("an aborted request rejects with the reason of its signal", async () => {
  const portcullis = await signedIn();
  await assert.rejects(portcullis.request(ME, {}, { signal: AbortSignal.abort() }), { name: "AbortError" });
  const reason = new Error("The page was left.");
  await assert.rejects(portcullis.request(ME, {}, { signal: AbortSignal.abort(reason) }), reason);
});

test("a timeout counts as an unavailable server", async () => {
  const fetch = (_, { signal }) =>
    new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const portcullis = client({ fetch });
  await assert.rejects(portcullis.request(ME, {}, { signal: AbortSignal.timeout(1) }), {
    code: "NETWORK_ERROR",
    isServerUnavailable: true,
  });
});

test("a new page restores the session from the given storage, until the sign-out", async () => {
  let kept = null;
  const storage = { read: () => kept, write: (token) => void (kept = token) };
  const portcullis = await signedIn({ storage });
  assert.match(kept, /^prt_/);
  assert.equal((await client({ storage }).restore()).user.username, portcullis.username);
  const other = client({ storage });
  await other.logout();
  assert.equal(kept, null);
  assert.deepEqual(await client({ storage }).restore(), { status: "signedOut" });
  await assert.rejects(portcullis.request(ME), { reason: "TOKEN_REVOKED" });
});

test("without a storage a new page is signed out, and sends no request", async () => {
  assert.deepEqual(await client().restore(), { status: "signedOut" });
  assert.deepEqual(sent, []);
});
