import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";

import { openBrowser, readableByScript } from "../../../harness/browser.mjs";
import { startServer, until } from "../../../harness/server.mjs";
import { startSite } from "./site.mjs";

const password = "correct horse battery";
let server;
let site;
let browser;
let people = 0;

before(async () => {
  server = await startServer();
});
after(() => server.remove());
beforeEach(async () => {
  site = await startSite(server);
  browser = await openBrowser(chromium);
});
afterEach(async () => {
  await browser.close();
  site.close();
});

/** A tab with the page, in the state `unknown`. */
async function openTab() {
  const tab = await browser.context.newPage();
  await tab.clock.install();
  await load(tab);
  return tab;
}

async function load(tab) {
  await tab.goto(site.url);
  await tab.waitForFunction(() => "portcullis" in window);
}

/** Two tabs of a signed-in user, without a refresh so far. */
async function twoTabs() {
  const username = `person${++people}`;
  const [one, two] = [await openTab(), await openTab()];
  const signIn = (input) => portcullis.register(input).then(({ errors }) => errors);
  assert.deepEqual(await one.evaluate(signIn, { username, password }), []);
  await hears(two, "signedIn");
  assert.equal(site.refreshes(), 0, "the other tab got the session from the first one");
  return { one, two, username };
}

const hears = (tab, status) => tab.waitForFunction((status) => portcullis.state.status === status, status);

/** Sends concurrent requests. Returns for each the username, or the reason of the error. */
const ask = (tab, times = 1) =>
  tab.evaluate((times) => {
    const asking = Array.from({ length: times }, () => portcullis.request("{ me { username } }"));
    return Promise.all(
      asking.map((one) =>
        one.then(
          ({ me }) => me.username,
          ({ reason }) => reason,
        ),
      ),
    );
  }, times);

const anHourLater = (...tabs) => Promise.all(tabs.map((tab) => tab.clock.fastForward("01:00:00")));

test("ten requests in each of two tabs with an expired token refresh once in all", async () => {
  const { one, two, username } = await twoTabs();
  const old = await one.evaluate(() => portcullis.accessToken());
  await anHourLater(one, two);
  const results = (await Promise.all([ask(one, 10), ask(two, 10)])).flat();
  assert.deepEqual(new Set(results), new Set([username]));
  assert.equal(results.length, 20);
  assert.equal(site.refreshes(), 1);
  const [ones, twos] = await Promise.all(
    [one, two].map((tab) => tab.evaluate(() => portcullis.accessToken())),
  );
  assert.equal(ones, twos);
  assert.notEqual(ones, old);
});

test("a sign-out in one tab signs the other out", async () => {
  const { one, two } = await twoTabs();
  await one.evaluate(() => portcullis.logout());
  await hears(two, "signedOut");
  assert.deepEqual(await ask(two), ["TOKEN_MISSING"]);
  await load(two);
  assert.deepEqual(await two.evaluate(() => portcullis.restore()), { status: "signedOut" });
});

test("a session that is revoked elsewhere ends in both tabs", async () => {
  const { one, two, username } = await twoTabs();
  await server.run("sessions", "revoke", "--user", username);
  await until(async () => (await ask(one))[0] === "TOKEN_REVOKED");
  await hears(two, "signedOut");
  assert.equal(site.refreshes(), 1);
  assert.deepEqual(await two.evaluate(() => heard), ["signedIn", "signedOut"]);
});

test("a page is signed in again after a reload", async () => {
  const { one, two, username } = await twoTabs();
  await two.close();
  await load(one);
  assert.deepEqual(await one.evaluate(() => portcullis.state), { status: "unknown" });
  const { status, user } = await one.evaluate(() => portcullis.restore());
  assert.deepEqual([status, user.username], ["signedIn", username]);
  assert.deepEqual(await ask(one), [username]);
});

test("a sign-in as another user in one tab changes the user in the other", async () => {
  const { one, two } = await twoTabs();
  const username = `person${++people}`;
  await server.register(username, password);
  await two.evaluate((input) => portcullis.login(input), { username, password });
  await one.waitForFunction((username) => portcullis.state.user?.username === username, username);
  assert.deepEqual(await ask(one), [username]);
});

test("a new password in one tab keeps both signed in", async () => {
  const { one, two, username } = await twoTabs();
  const input = { currentPassword: password, newPassword: "rope winch granite" };
  const [{ errors }, results] = await Promise.all([
    one.evaluate((input) => portcullis.changePassword(input), input),
    ask(two, 10),
  ]);
  assert.deepEqual(errors, []);
  assert.deepEqual(new Set(results), new Set([username]));
  await anHourLater(one, two);
  assert.deepEqual(await ask(two), [username], "the cookie followed");
});

test("an unavailable server signs no tab out, and the next request succeeds", async () => {
  const { one, two, username } = await twoTabs();
  await anHourLater(one, two);
  await server.stop();
  const failed = await one.evaluate(() =>
    portcullis.request("{ me { username } }").catch(({ code }) => code),
  );
  assert.equal(failed, "SERVICE_UNAVAILABLE");
  assert.equal(await two.evaluate(() => portcullis.state.status), "signedIn");
  await server.start();
  assert.deepEqual(await ask(two), [username]);
  await one.waitForFunction(() => portcullis.peek());
  assert.equal(site.refreshes(), 3, "one that failed, its repetition, and the one that the first tab heard of");
});

test("no script can read a token", async () => {
  const { one, two } = await twoTabs();
  for (const tab of [one, two]) {
    assert.doesNotMatch(await readableByScript(tab), /eyJ|prt_|battery/);
    assert.doesNotMatch(await tab.evaluate(() => JSON.stringify(portcullis)), /eyJ|prt_/);
  }
  const [cookie] = await browser.context.cookies(site.url);
  assert.match(cookie.value, /^prt_/);
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
});

test("a page that has called close keeps its session", async () => {
  const { one, username } = await twoTabs();
  await one.evaluate(() => portcullis.close());
  const renewed = await one.evaluate(async () => portcullis.renew(await portcullis.accessToken()));
  assert.match(renewed, /^eyJ/);
  assert.deepEqual(await ask(one), [username]);
  await one.evaluate(() => portcullis.logout());
  const { user } = await one.evaluate((input) => portcullis.login(input), { username, password });
  assert.equal(user.username, username);
});

test("all tabs share the storage of the refresh token", async () => {
  const tab = await openTab();
  const refusal = await tab.evaluate(async () => {
    const { webStorage } = await import("/client/index.js");
    webStorage(localStorage);
    try {
      webStorage(sessionStorage);
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(refusal, "TypeError");
});

test("without Web Locks and BroadcastChannel each tab still refreshes once", async () => {
  await browser.context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
    delete window.BroadcastChannel;
  });
  const username = `person${++people}`;
  const one = await openTab();
  await one.evaluate((input) => portcullis.register(input), { username, password });
  const two = await openTab();
  assert.equal((await two.evaluate(() => portcullis.restore())).user.username, username);
  await anHourLater(one, two);
  const results = (await Promise.all([ask(one, 10), ask(two, 10)])).flat();
  assert.deepEqual(new Set(results), new Set([username]));
  assert.equal(site.refreshes(), 3, "one to restore, and one in each tab");
});
