// Uses the passkeys of Chromium's virtual authenticator.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";

import { addAuthenticator } from "../../../harness/authenticator.mjs";
import { openBrowser } from "../../../harness/browser.mjs";
import { startServer, until } from "../../../harness/server.mjs";
import { startSite } from "./site.mjs";

const password = "correct horse battery";
let server;
let site;
/** A site that is not in `passkeys.origins`. */
let foreign;
let browser;
let people = 0;

before(async () => {
  server = await startServer();
  [site, foreign] = [await startSite(server), await startSite(server)];
  await server.stop();
  await server.start({
    PORTCULLIS_PASSKEYS__ORIGINS: new URL(site.url).origin,
    PORTCULLIS_FACTORS__TRUSTED_DEVICES: "30d",
  });
  await server.register("auditor", password);
  await server.run("users", "set-roles", "auditor", "--role", "admin");
});
after(async () => {
  site.close();
  foreign.close();
  await server.remove();
});
beforeEach(async () => {
  browser = await openBrowser(chromium);
});
afterEach(() => browser.close());

async function open(url = site.url) {
  const page = await browser.context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => "portcullis" in window);
  return page;
}

/** A page whose user is signed in, and its authenticator. */
async function signedIn(options) {
  const page = await open();
  const authenticator = await addAuthenticator(page, options);
  const username = `person${++people}`;
  await page.evaluate((input) => portcullis.register(input), { username, password });
  return { page, authenticator, username };
}

/** A page whose user has a passkey and is signed out. */
async function withPasskey(options) {
  const person = await signedIn(options);
  const { errors } = await person.page.evaluate(() => portcullis.addPasskey({ name: "My key" }));
  assert.deepEqual(errors, []);
  await person.page.evaluate(() => portcullis.logout());
  return person;
}

/** Calls a method of the client. Returns its result, with the codes of the errors, or the error that it has thrown. */
const call = (page, method, ...input) =>
  page.evaluate(
    ([method, input]) =>
      portcullis[method](...input).then(
        ({ errors, user, ...others }) => ({ ...others, user: user?.username, codes: errors.map(({ code }) => code) }),
        ({ code, message, cause }) => ({ thrown: code, message, cause: cause?.name }),
      ),
    [method, input],
  );

/** The actions of the newest events of the audit log. */
async function audit() {
  const login = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
  const { accessToken } = (await server.ask(login, { input: { username: "auditor", password } })).login;
  const { auditEvents } = await server.ask("{ auditEvents(first: 5) { nodes { action } } }", {}, accessToken);
  return auditEvents.nodes.map(({ action }) => action);
}

test("a passkey signs in without a username", async () => {
  const { page, authenticator, username } = await signedIn();
  const added = await call(page, "addPasskey", { name: "My key" });
  assert.deepEqual([added.codes, added.passkey.name], [[], "My key"]);
  const [credential] = await authenticator.credentials();
  assert.equal(credential.isResidentCredential, true, "it can be found without a username");
  await page.evaluate(() => portcullis.logout());
  const { user } = await call(page, "loginWithPasskey");
  assert.equal(user, username);
  const { me } = await page.evaluate(() => portcullis.request("{ me { username } }"));
  assert.equal(me.username, username);
});

test("autofill signs in with the passkey that the user chooses", async () => {
  const { page, username } = await withPasskey();
  const { user } = await call(page, "loginWithPasskey", { mediation: "conditional" });
  assert.equal(user, username);
});

test("autofill waits with a new challenge every nine minutes, until the page ends it", async () => {
  const page = await browser.context.newPage();
  await page.clock.install();
  await page.goto(site.url);
  await page.waitForFunction(() => "portcullis" in window);
  await addAuthenticator(page, { automaticPresenceSimulation: false });
  const ended = page.evaluate(() => {
    window.asked = [];
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (request) => {
      asked.push(String(new Uint8Array(request.publicKey.challenge)));
      return get(request);
    };
    window.ending = new AbortController();
    return portcullis.loginWithPasskey({ mediation: "conditional", signal: ending.signal }).catch(({ name }) => name);
  });
  await page.waitForFunction(() => asked.length === 1);
  await page.clock.runFor("08:59");
  assert.equal(await page.evaluate(() => asked.length), 1);
  await page.clock.runFor("00:02");
  await page.waitForFunction(() => asked.length === 2);
  assert.ok(await page.evaluate(() => asked[0] !== asked[1]));
  await page.evaluate(() => ending.abort());
  assert.equal(await ended, "AbortError");
});

test("a dialog interrupts autofill, which continues after it", async () => {
  const { page, authenticator, username } = await withPasskey();
  await authenticator.touch(false);
  const autofill = call(page, "loginWithPasskey", { mediation: "conditional" });
  await page.evaluate(() => {
    window.stop = new AbortController();
    window.dialog = portcullis.loginWithPasskey({ signal: stop.signal }).catch(({ name }) => name);
  });
  assert.equal(await page.evaluate(() => (stop.abort(), dialog)), "AbortError");
  await authenticator.touch(true);
  assert.equal((await autofill).user, username);
});

test("an authenticator that does not recognise its user gives no passkey", async () => {
  const { page, authenticator } = await withPasskey();
  await authenticator.verifyUser(false);
  const { thrown, cause } = await call(page, "loginWithPasskey");
  assert.deepEqual([thrown, cause], ["PASSKEY_UNAVAILABLE", "NotAllowedError"]);
});

test("the server rejects a passkey whose user was not verified", async () => {
  const { page, authenticator } = await withPasskey();
  await authenticator.override({ isBadUV: true });
  assert.deepEqual((await call(page, "loginWithPasskey")).codes, ["PASSKEY_REJECTED"]);
  await authenticator.override({ isBogusSignature: true });
  assert.deepEqual((await call(page, "loginWithPasskey")).codes, ["PASSKEY_REJECTED"]);
});

test("a page of another origin cannot use the passkey", async () => {
  const { authenticator } = await withPasskey();
  const [credential] = await authenticator.credentials();
  const other = await open(foreign.url);
  await (await addAuthenticator(other)).add(credential);
  assert.deepEqual((await call(other, "loginWithPasskey")).codes, ["PASSKEY_REJECTED"]);
  const byAddress = await open(site.url.replace("localhost", "127.0.0.1"));
  const { thrown, cause, message } = await call(byAddress, "loginWithPasskey");
  assert.deepEqual([thrown, cause], ["PASSKEY_UNAVAILABLE", "SecurityError"]);
  assert.equal(message, "Passkeys cannot be used at the address of this page.");
});

test("a browser that the user trusts needs no second factor", async () => {
  const { page, username } = await withPasskey();
  const step = await call(page, "login", { username, password });
  const user = await page.evaluate(async (step) => {
    const { proofOf } = await import("/client/index.js");
    const factor = await proofOf("PASSKEY", "", step);
    return (await portcullis.verifySecondFactor({ challenge: step.challenge, factor, trustDevice: true })).user;
  }, step);
  assert.equal(user.username, username);
  await page.evaluate(() => portcullis.logout());
  assert.equal((await call(page, "login", { username, password })).user, username);
});

test("a passkey is a second factor, and brings recovery codes", async () => {
  const { page, username } = await signedIn();
  const { recoveryCodes } = await call(page, "addPasskey", {});
  assert.equal(recoveryCodes.length, 10);
  await page.evaluate(() => portcullis.logout());
  const first = await call(page, "login", { username, password });
  assert.deepEqual([first.codes, first.methods], [["SECOND_FACTOR_REQUIRED"], ["PASSKEY", "RECOVERY_CODE"]]);
  const verify = (step) =>
    page.evaluate(async (step) => {
      const { proofOf } = await import("/client/index.js");
      const factor = await proofOf("PASSKEY", "", step);
      return (await portcullis.verifySecondFactor({ challenge: step.challenge, factor })).user.username;
    }, step);
  assert.equal(await verify(first), username);
});

test("a passkey authenticates again, and the password alone does not", async () => {
  const { page, username } = await signedIn();
  await call(page, "addPasskey", {});
  const again = (method) =>
    page.evaluate(
      async ([method, password]) => {
        const { proofOf } = await import("/client/index.js");
        const step = await portcullis.startReauthentication();
        const proof = await proofOf(method, password, step);
        const { user, errors } = await portcullis.reauthenticate({ proof, challenge: step.challenge });
        return [step.methods, user?.username ?? errors[0].code];
      },
      [method, password],
    );
  assert.deepEqual(await again("PASSWORD"), [["PASSKEY", "RECOVERY_CODE"], "SECOND_FACTOR_REQUIRED"]);
  assert.deepEqual(await again("PASSKEY"), [["PASSKEY", "RECOVERY_CODE"], username]);
});

test("an account without a password is created with a passkey", async () => {
  const page = await open();
  const authenticator = await addAuthenticator(page);
  const username = `person${++people}`;
  const taken = await call(page, "registerWithPasskey", { username: "auditor" });
  assert.deepEqual(taken.codes, ["USERNAME_TAKEN"]);
  const { user, codes } = await call(page, "registerWithPasskey", { username, passkeyName: "My key" });
  assert.deepEqual([user, codes], [username, []]);
  await until(async () => (await authenticator.credentials()).length === 1);
  await page.evaluate(() => portcullis.logout());
  assert.equal((await call(page, "loginWithPasskey")).user, username);
});

test("a copy of a passkey is rejected and recorded", async () => {
  const { page, authenticator, username } = await withPasskey();
  const [copy] = await authenticator.credentials();
  assert.equal((await call(page, "loginWithPasskey")).user, username);
  await page.evaluate(() => portcullis.logout());
  await authenticator.clear();
  await authenticator.add(copy);
  assert.deepEqual((await call(page, "loginWithPasskey")).codes, ["PASSKEY_REJECTED"]);
  assert.ok((await audit()).includes("PASSKEY_CLONED"));
});

test("an account has several passkeys, and each signs in", async () => {
  const { page, authenticator, username } = await signedIn();
  assert.deepEqual((await call(page, "addPasskey", { name: "Phone" })).codes, []);
  const twice = await call(page, "addPasskey", { name: "Phone again" });
  assert.deepEqual([twice.thrown, twice.cause], ["PASSKEY_UNAVAILABLE", "InvalidStateError"]);
  assert.equal(twice.message, "This device already has a passkey of your account.");
  const [phone] = await authenticator.credentials();
  await authenticator.remove();
  const key = await addAuthenticator(page, { transport: "usb" });
  assert.deepEqual((await call(page, "addPasskey", { name: "Key" })).codes, []);
  const [second] = await key.credentials();
  assert.notEqual(phone.credentialId, second.credentialId);
  for (const credential of [phone, second]) {
    await page.evaluate(() => portcullis.logout());
    await key.clear();
    await key.add(credential);
    assert.equal((await call(page, "loginWithPasskey")).user, username);
  }
});

test("the password manager removes a passkey that the server has refused", async () => {
  const { page, authenticator } = await signedIn();
  const name = "x".repeat(65);
  assert.equal((await call(page, "addPasskey", { name })).thrown, "BAD_USER_INPUT");
  await until(async () => (await authenticator.credentials()).length === 0);
});

test("a passkey of Playwright's authenticator moves to another browser", async () => {
  await browser.context.credentials.install();
  const page = await open();
  const username = `person${++people}`;
  await page.evaluate((input) => portcullis.register(input), { username, password });
  assert.deepEqual((await call(page, "addPasskey", {})).codes, []);
  const [{ rpId, ...credential }] = await browser.context.credentials.get();
  assert.equal(rpId, "localhost");
  await browser.close();
  browser = await openBrowser(chromium);
  await browser.context.credentials.install();
  await browser.context.credentials.create(rpId, credential);
  assert.equal((await call(await open(), "loginWithPasskey")).user, username);
});
