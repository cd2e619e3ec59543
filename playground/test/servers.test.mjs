// What the page does where the server is set up otherwise, or away.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { readableByScript } from "../../clients/harness/browser.mjs";
import { startServer, until } from "../../clients/harness/server.mjs";
import { account, answer, openPages, password, register, run, signOut, start } from "./page.mjs";

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

test("a token that expires is replaced before anybody notices", async () => {
  const page = await open({ PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  const refreshes = [];
  page.on("request", (request) => {
    if (request.postData()?.includes("mutation Refresh")) refreshes.push(request);
  });
  await register(page, "ada");
  const before = refreshes.length;
  await until(() => refreshes.length >= before + 2);
  assert.doesNotMatch(await run(page, ME, '"username": "ada"'), /TOKEN_EXPIRED/);
  assert.deepEqual(pages.faults, []);
});

test("a page that nobody looks at asks for nothing, and goes on when somebody does", async () => {
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
  assert.deepEqual(pages.faults, []);
});

test("without cookies the session is the page's own, and goes with it", async () => {
  const page = await open({ PORTCULLIS_HTTP__COOKIES: "off", PORTCULLIS_TOKENS__ACCESS_TTL: "2s" });
  await register(page, "ada");
  assert.deepEqual(await pages.context.cookies(), []);
  assert.doesNotMatch(await readableByScript(page), /eyJ|prt_|granite/, "no script can read a token");
  await page.waitForTimeout(2500);
  await run(page, ME, '"username": "ada"');
  await signOut(page, "ada");
  await run(page, ME, "TOKEN_MISSING");
  assert.deepEqual(pages.faults, []);
});

test("where the browser drops the cookie, the page does without", async () => {
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
  assert.equal(sessions.match(/session_/g).length, 1, "the first session, which the page cannot keep, is over");
  assert.deepEqual(pages.faults, []);
});

test("below a path, the page finds its endpoint beside it", async () => {
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
    return (await answer(page)).includes("LOGIN_SUCCEEDED");
  });
  assert.deepEqual(pages.faults, []);
});

test("a page that finds no server says so, and tries again when asked", async () => {
  const page = await open();
  await page.route("**/graphql", (route) => route.abort());
  await page.reload();
  await page.getByRole("status").filter({ hasText: "The server cannot be reached." }).waitFor();
  await page.unroute("**/graphql");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await page.getByRole("button", { name: /Documentation Explorer/ }).click();
  await page.getByRole("link", { name: "Mutation" }).first().waitFor();
  const complaints = pages.faults.filter((fault) => !fault.includes("ERR_FAILED"));
  assert.deepEqual(complaints, []);
});

test("a server that is away signs nobody out", async () => {
  const page = await open();
  await register(page, "ada");
  await server.stop();
  await run(page, ME, "The server cannot be reached.");
  await account(page, "ada").waitFor();
  await server.start();
  await run(page, ME, '"username": "ada"');
  const complaints = pages.faults.filter((fault) => !fault.includes("ERR_CONNECTION_REFUSED"));
  assert.deepEqual(complaints, []);
});
