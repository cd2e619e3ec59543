// Uses the page as a person would, in Chromium: `npm run browse -- http://127.0.0.1:4000/` with a server
// running there. Fails when something does not work, when the page breaks its content security policy or
// asks another host for anything, and when a token reaches the browser's storage.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const url = process.argv[2] ?? "http://127.0.0.1:4000/";
const profile = mkdtempSync(join(tmpdir(), "playground-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

try {
  const page = browser.pages()[0];
  page.setDefaultTimeout(20_000);
  const faults = [];
  page.on("console", (message) => faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) faults.push(request.url());
  });
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));

  /** Runs a document and gives the result once it holds `expected`. */
  const run = async (query, expected) => {
    await page.evaluate((text) => {
      const editor = document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror;
      editor.setValue(text);
      editor.setCursor({ line: 0, ch: 2 });
      editor.focus();
    }, query);
    // The page takes over what is typed after a moment without typing, and gives no sign of it.
    await page.waitForTimeout(800);
    await page.keyboard.press("Control+Enter");
    const shows = (text) =>
      document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue().includes(text);
    await page.waitForFunction(shows, expected);
  };

  await page.goto(url);
  await page.waitForSelector(".graphiql-query-editor .CodeMirror-code");
  assert.equal(await page.title(), "Portcullis");

  await run("{ me { username } }", "TOKEN_MISSING");
  const input = '{username: "grace", password: "rope winch granite"}';
  await run(`mutation { register(input: ${input}) { accessToken refreshToken errors { code } } }`, "prt_");
  await page.getByText("Signed in as grace").waitFor();
  await run("{ me { username } }", '"username": "grace"');

  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.doesNotMatch(kept, /eyJ|prt_|granite/, "nothing secret is stored");

  await page.getByRole("button", { name: /Documentation Explorer/ }).click();
  await page.locator(".graphiql-doc-explorer a", { hasText: "Mutation" }).first().click();
  await page.locator(".graphiql-doc-explorer", { hasText: "changePassword" }).waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("Signed in as grace").waitFor({ state: "detached" });
  await run("{ me { username } }", "TOKEN_MISSING");

  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  assert.deepEqual(faults, []);
  console.log("the page registers, signs in, explores and signs out");
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
