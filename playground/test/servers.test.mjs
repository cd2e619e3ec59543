// Tests the page with other server settings, and with an unavailable server.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { readableByScript } from "../../clients/harness/browser.mjs";
import { proofsOf } from "../../clients/harness/mail.mjs";
import { startServer, until } from "../../clients/harness/server.mjs";
import { account, fill, result, openPages, password, register, run, signOut, start } from "./page.mjs";

const ME = "{ me { username } }";
let server;
let pages;

afterEach(async () => {
  await pages.close();
  await server.remove();
});

async function open(settings, path = "/") {
  server = await startServer({ settings });
  pages = await openPages(`${server.url}${path}`);
  return pages.open();
}

test("an expiring token is replaced in time", async () => {
  const page = await open({ PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  const refreshes = [];
  page.on("request", (request) => {
    if (request.postData()?.includes("mutation Refresh")) refreshes.push(request);
  });
  await register(page, "ada");
  const before = refreshes.length;
  await until(() => refreshes.length >= before + 2);
  assert.doesNotMatch(await run(page, ME, '"username": "ada"'), /TOKEN_EXPIRED/);
  assert.deepEqual(pages.errors, []);
});

test("a hidden page sends no refresh, and continues when it is visible again", async () => {
  const page = await open({ PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  await register(page, "ada");
  await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
  await page.getByText(/^0 s$/).waitFor();
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.getByText(/^[12] s$/).waitFor();
  await run(page, ME, '"username": "ada"');
  assert.deepEqual(pages.errors, []);
});

test("without cookies the session belongs to the page and ends with it", async () => {
  const page = await open({ PORTCULLIS_HTTP__COOKIES: "off", PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  await register(page, "ada");
  assert.deepEqual(await pages.context.cookies(), []);
  assert.doesNotMatch(await readableByScript(page), /eyJ|prt_|granite/, "no script can read a token");
  await page.waitForTimeout(2500);
  await run(page, ME, '"username": "ada"');
  await signOut(page, "ada");
  await run(page, ME, "TOKEN_MISSING");
  assert.deepEqual(pages.errors, []);
});

test("if the browser drops the cookie, the page keeps the token in memory", async () => {
  const page = await open({ PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  await page.route("**/graphql", async (route) => {
    const response = await route.fetch();
    const { "set-cookie": dropped, ...headers } = response.headers();
    await pages.context.clearCookies();
    await route.fulfill({ response, headers });
  });
  await register(page, "ada");
  await page.waitForTimeout(2500);
  await run(page, ME, '"username": "ada"');
  const sessions = await server.run("sessions", "list", "ada");
  assert.equal(sessions.match(/session_/g).length, 1, "the first session, which the page cannot keep, has ended");
  assert.deepEqual(pages.errors, []);
});

test("where an address must be verified first, the code of the message does it", async () => {
  const page = await open({ PORTCULLIS_ACCOUNTS__VERIFY_BEFORE_SIGN_IN: "true" });
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Create an account instead" }).click();
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await fill(page, "ada", password);
  const { code } = proofsOf(await server.mailTo("ada@example.com"));
  await page.getByLabel("Code").fill(code);
  await page.keyboard.press("Enter");
  await page.getByLabel("Username").waitFor();
  await fill(page, "ada", password);
  await account(page, "ada").waitFor();
  assert.deepEqual(pages.errors, []);
});

test("below a path, the page uses the endpoint below the same path", async () => {
  const page = await open({ PORTCULLIS_HTTP__PUBLIC_URL: "http://127.0.0.1:4000/auth/id" }, "/auth/id");
  await register(page, "ada");
  await page.reload();
  await run(page, ME, '"username": "ada"');
  await start(page, "subscription { accountEvents { action } }");
  const input = { username: "ada", password };
  const query = "mutation ($input: LoginInput!) { login(input: $input) { errors { code } } }";
  const body = JSON.stringify({ query, variables: { input } });
  await until(async () => {
    const headers = { "content-type": "application/json" };
    await fetch(`${server.url}/auth/id/graphql`, { method: "POST", headers, body });
    return (await result(page)).includes("LOGIN_SUCCEEDED");
  });
  assert.deepEqual(pages.errors, []);
});

test("the page shows that the server cannot be reached, and can try again", async () => {
  const page = await open();
  await page.route("**/graphql", (route) => route.abort());
  await page.reload();
  await page.getByRole("status").filter({ hasText: "The server cannot be reached." }).waitFor();
  await page.unroute("**/graphql");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: /Documentation Explorer/ }).click();
  await page.getByRole("link", { name: "Mutation" }).first().waitFor();
  const others = pages.errors.filter((error) => !error.includes("ERR_FAILED"));
  assert.deepEqual(others, []);
});

test("an unavailable server does not sign out", async () => {
  const page = await open();
  await register(page, "ada");
  await server.stop();
  await run(page, ME, "The server cannot be reached.");
  await account(page, "ada").waitFor();
  await server.start();
  await run(page, ME, '"username": "ada"');
  const others = pages.errors.filter((error) => !error.includes("ERR_CONNECTION_REFUSED"));
  assert.deepEqual(others, []);
});
