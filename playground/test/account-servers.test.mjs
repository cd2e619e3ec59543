// Tests the pages behind the links in messages with other settings of the server and of the browser.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";

import { proofsOf, subjects } from "../../clients/harness/mail.mjs";
import { startServer } from "../../clients/harness/server.mjs";
import {
  heading,
  newPassword,
  openAccountPages,
  press,
  registerWithEmail,
  request,
  signsIn,
} from "./account.mjs";

let server;
let pages;

afterEach(async () => {
  await pages.close();
  await server.remove();
  assert.deepEqual(pages.errors, []);
});

async function start(settings = {}, options = {}) {
  server = await startServer({ settings });
  pages = await openAccountPages(`${server.url}/`, options);
}

/** Sets a new password by a link, and returns the page at the end. */
async function reset(email) {
  const verify = await pages.open(proofsOf(await server.mailTo(email)).link);
  await press(verify, "Verify address");
  await heading(verify, "Your address is verified");
  await request(server, "requestPasswordReset", email);
  const page = await pages.open(proofsOf(await server.mailTo(email, subjects.reset)).link);
  await page.getByLabel("New password").fill(newPassword);
  await press(page, "Set password");
  await heading(page, "Your password is changed");
  return page;
}

test("the pages lead to the application", async () => {
  const application = "https://app.example.com/start?from=mail&step=2";
  await start({ PORTCULLIS_ACCOUNTS__LINKS__APPLICATION: application });
  await registerWithEmail(server, "ada", "ada@example.com");
  const page = await reset("ada@example.com");
  const link = page.getByRole("link", { name: "Continue to app.example.com" });
  assert.equal(await link.getAttribute("href"), application);
});

test("without cookies the person signs in with the new password, and no session stays open", async () => {
  await start({ PORTCULLIS_HTTP__COOKIES: "off" });
  await registerWithEmail(server, "ada", "ada@example.com");
  const page = await reset("ada@example.com");
  await page.getByText("Sign in with your new password.").waitFor();
  assert.doesNotMatch(await server.run("sessions", "list", "ada"), /session_/);
  assert.equal(await signsIn(server, "ada", newPassword), true);
  const signIn = await pages.open(`${server.url}/account/sign-in#token`);
  await signIn.getByText("This server does not sign in on this page.").waitFor();
});

test("the pages work where only trusted documents are executed", async () => {
  await start();
  await registerWithEmail(server, "ada", "ada@example.com");
  const { link } = proofsOf(await server.mailTo("ada@example.com"));
  await server.stop();
  const folder = mkdtempSync(join(tmpdir(), "manifest-"));
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ Me: "query Me { me { username } }" }));
  await server.start({
    PORTCULLIS_GRAPHQL__DOCUMENTS: "trusted",
    PORTCULLIS_GRAPHQL__TRUSTED_DOCUMENTS: join(folder, "manifest.json"),
    PORTCULLIS_GRAPHQL__PLAYGROUND: "false",
  });
  const page = await pages.open(link);
  await press(page, "Verify address");
  await heading(page, "Your address is verified");
  rmSync(folder, { recursive: true });
});

test("the pages speak German with people who prefer it", async () => {
  await start({}, { locale: "de-AT" });
  const page = await pages.open(`${server.url}/account/reset-password#${"x".repeat(43)}`);
  await heading(page, "Neues Passwort wählen");
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await page.getByText(/^\d+ bis \d+ Zeichen/).waitFor();
  await page.getByLabel("Neues Passwort").fill(newPassword);
  await press(page, "Passwort speichern");
  await heading(page, "Dieser Link gilt nicht mehr");
});

test("below a path, the pages are below the same path", async () => {
  await start();
  const url = `${server.url}/auth/id`;
  await server.stop();
  await server.start({ PORTCULLIS_HTTP__PUBLIC_URL: url });
  const ask = async (query, variables) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    return (await response.json()).data;
  };
  await registerWithEmail({ ask }, "ada", "ada@example.com");
  const { link } = proofsOf(await server.mailTo("ada@example.com"));
  assert.ok(link.startsWith(`${url}/account/verify-email#`), link);
  const page = await pages.open(link);
  await press(page, "Verify address");
  await heading(page, "Your address is verified");
  assert.ok(pages.requests.every((request) => request.url.startsWith(`${url}/`)), "no request left the path");
});
