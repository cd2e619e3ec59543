import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { readableByScript } from "../../clients/harness/browser.mjs";
import { proofsOf, subjects } from "../../clients/harness/mail.mjs";
import { startServer, until } from "../../clients/harness/server.mjs";
import { newPassword, registerWithEmail, signsIn } from "./account.mjs";
import {
  account,
  result,
  fill,
  openPages,
  password,
  register,
  run,
  shows,
  signOut,
  start,
  write,
} from "./page.mjs";

const ME = "{ me { username } }";
const EVENTS = "subscription { accountEvents { action } }";
const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
const HEADERS = ".graphiql-editor-tool .graphiql-editor:not(.hidden)";
let server;
let pages;
let page;

before(async () => {
  server = await startServer();
});
after(() => server.remove());
beforeEach(async () => {
  pages = await openPages(`${server.url}/`);
  page = await pages.open();
});
afterEach(async () => {
  await pages.close();
  assert.deepEqual(pages.errors, []);
});

test("a new account is signed in, and the page sends its token", async () => {
  assert.equal(await page.title(), "Portcullis");
  await run(page, ME, "TOKEN_MISSING");
  await register(page, "ada");
  await run(page, ME, '"username": "ada"');
  assert.doesNotMatch(await readableByScript(page), /eyJ|prt_|granite/, "no script can read a token");
});

test("an error is shown at its field", async () => {
  await server.register("grace", password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await fill(page, "grace", "not my password");
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await page.getByRole("button", { name: "Create an account instead" }).click();
  assert.equal(await page.getByRole("alert").count(), 0, "the other form starts without errors");
  for (const [username, given, label] of [
    ["grace", password, "Username"],
    ["hopper", "password", "Password"],
  ]) {
    await fill(page, username, given);
    const field = page.getByLabel(label);
    await page.locator("[aria-invalid=true]").and(field).waitFor();
    const [alert] = await page.getByRole("alert").all();
    assert.equal(await field.getAttribute("aria-describedby"), await alert.getAttribute("id"));
    assert.ok(await field.evaluate((input) => input === document.activeElement), `${label} has the focus`);
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Sign in" }).click();
  await fill(page, "grace", password);
  await account(page, "grace").waitFor();
});

test("a forgotten password is replaced with the code of the message", async () => {
  await registerWithEmail(server, "lise", "lise@example.com");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Forgotten password" }).click();
  await page.getByLabel("E-mail address").fill("lise@example.com");
  await page.keyboard.press("Enter");
  const { code } = proofsOf(await server.mailTo("lise@example.com", subjects.reset));
  const enter = async (code) => {
    await page.getByLabel("Code").fill(code);
    await page.getByLabel("New password").fill(newPassword);
    await page.keyboard.press("Enter");
  };
  await enter(code === "00000000" ? "00000001" : "00000000");
  await page.locator("[aria-invalid=true]").and(page.getByLabel("Code")).waitFor();
  await enter(code);
  await account(page, "lise").waitFor();
  await run(page, ME, '"username": "lise"');
  assert.equal(await signsIn(server, "lise", newPassword), true);
});

test("the user stays signed in after a reload, and signed out after a sign-out", async () => {
  await register(page, "joan");
  await page.reload();
  await account(page, "joan").waitFor();
  await run(page, ME, '"username": "joan"');
  await signOut(page, "joan");
  await run(page, ME, "TOKEN_MISSING");
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
});

test("all tabs are signed in and out together", async () => {
  const other = await pages.open();
  await register(page, "mary");
  await account(other, "mary").waitFor();
  await run(other, ME, '"username": "mary"');
  await signOut(other, "mary");
  await page.getByText("You are signed out.").waitFor();
  await run(page, ME, "TOKEN_MISSING");
});

/**
 * Runs a document until the result contains a text, and returns all results. The running server applies a change from
 * the command line within a second.
 */
async function runUntil(page, document, expected) {
  const results = [];
  await until(async () => {
    results.push(await run(page, document, '"data"'));
    return results.at(-1).includes(expected);
  });
  return results;
}

test("a revoked token is replaced, and the operation is repeated", async () => {
  await register(page, "dorothy");
  await server.run("users", "set-roles", "dorothy", "--role", "admin");
  const results = await runUntil(page, "{ users { totalCount } session { current } }", "totalCount");
  assert.doesNotMatch(results.join(), /TOKEN_REVOKED/);
});

test("the page shows that the session was revoked elsewhere", async () => {
  await register(page, "radia");
  await server.run("sessions", "revoke", "--user", "radia");
  await runUntil(page, ME, "TOKEN_");
  await page.getByText("You are signed out.").waitFor();
});

test("the page adopts and ends the session of operations in the editor", async () => {
  const payload = "accessToken refreshToken errors { code }";
  const input = `{ username: "annie", password: "${password}" }`;
  await run(page, `mutation { register(input: ${input}) { ${payload} } }`, "prt_");
  await account(page, "annie").waitFor();
  await run(page, ME, '"username": "annie"');
  const change = `{ currentPassword: "${password}", newPassword: "${password} two" }`;
  await run(page, `mutation { changePassword(input: ${change}) { ${payload} } }`, "prt_");
  await run(page, ME, '"username": "annie"');
  await run(page, "mutation { bye: logout { errors { code } } }", '"bye"');
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await run(page, ME, "TOKEN_MISSING");
  assert.doesNotMatch(await readableByScript(page), /eyJ|prt_|granite/, "no script can read a token");
});

test("an Authorization header in the editor takes precedence, and the page's session stays", async () => {
  const { accessToken } = await server.register("katherine", password);
  await register(page, "edith");
  await page.getByRole("button", { name: "Headers" }).click();
  await write(page, HEADERS, JSON.stringify({ Authorization: `Bearer ${accessToken}` }));
  await run(page, ME, '"username": "katherine"');
  await account(page, "edith").waitFor();
});

/** Signs in elsewhere until the result shows the event. */
async function showsSignIn(page, username) {
  await until(async () => {
    await server.ask(LOGIN, { input: { username, password } });
    return (await result(page)).includes("LOGIN_SUCCEEDED");
  });
}

test("a subscription shows events until it is stopped", async () => {
  await register(page, "barbara");
  await start(page, EVENTS);
  await showsSignIn(page, "barbara");
  await page.getByRole("button", { name: "Stop query" }).click();
  await run(page, ME, '"username": "barbara"');
});

test("a subscription continues with the next token, and ends with the session", async () => {
  await register(page, "frances");
  await start(page, EVENTS);
  await showsSignIn(page, "frances");
  await server.run("users", "set-roles", "frances", "--role", "admin");
  await page.getByText("admin", { exact: true }).waitFor();
  await server.run("sessions", "revoke", "--user", "frances");
  await shows(page, "TOKEN_MISSING");
  await page.getByText("You are signed out.").waitFor();
});

test("a subscription also uses the Authorization header in the editor", async () => {
  const { accessToken } = await server.register("margaret", password);
  const bear = (token) => write(page, HEADERS, JSON.stringify({ Authorization: `Bearer ${token}` }));
  await page.getByRole("button", { name: "Headers" }).click();
  await bear(accessToken);
  await start(page, EVENTS);
  await showsSignIn(page, "margaret");
  await page.getByRole("button", { name: "Stop query" }).click();
  await bear("nonsense");
  await start(page, EVENTS);
  await shows(page, "The server closed the subscription: TOKEN_MALFORMED (4403).");
});

test("the explorer shows what each guarded field requires", async () => {
  await page.getByRole("button", { name: /Documentation Explorer/ }).click();
  const explorer = page.locator(".graphiql-doc-explorer");
  await explorer.getByRole("link", { name: "Query" }).first().click();
  const fields = await explorer.locator(".graphiql-doc-explorer-item").allInnerTexts();
  const me = fields.find((text) => text.startsWith("me"));
  const users = fields.find((text) => text.startsWith("users"));
  assert.match(me, /Requires sign-in\./);
  assert.match(users, /Requires the scope users:read\./);
  assert.doesNotMatch(fields.find((text) => text.startsWith("server")), /Requires/);
});

test("the menu copies the access token and not the refresh token", async () => {
  await pages.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await register(page, "hedy");
  await account(page, "hedy").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("menuitem", { name: "Copy access token" }).press("Enter");
  await page.getByText("Anyone with this token").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^eyJ[\w.-]+$/);
  const { me } = await server.ask(ME, {}, copied);
  assert.equal(me.username, "hedy");
  assert.ok(!(await page.content()).includes(copied), "the page does not contain the token");
});
