// Functions that use the page in Chromium.

import { chromium } from "playwright-core";

import { openBrowser } from "../../clients/harness/browser.mjs";
import { until } from "../../clients/harness/server.mjs";

export const password = "rope winch granite";

/**
 * Opens a browser. `errors` collects the console messages and errors of all its pages, violations of the content
 * security policy, and requests to another server.
 */
export async function openPages(url) {
  const { context, close } = await openBrowser(chromium);
  const errors = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) errors.push(request.url());
  });
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );

  /** Opens the page in another tab. */
  async function open() {
    const page = await context.newPage();
    await page.setViewportSize({ width: 1280, height: 720 });
    page.on("console", (message) => errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(url);
    await page.locator(".graphiql-query-editor .CodeMirror-code").waitFor();
    return page;
  }

  return { context, close, errors, open };
}

/** Runs a document in the editor, waits until the result contains `expected`, and returns the result. */
export async function run(page, document, expected) {
  await start(page, document);
  return shows(page, expected);
}

/** Runs a document in the editor. */
export async function start(page, document) {
  await write(page, ".graphiql-query-editor", document);
  await page.keyboard.press("Control+Enter");
}

/** Writes text into an editor and leaves the cursor there. */
export async function write(page, editor, text) {
  await page.evaluate(
    ([editor, text]) => {
      const { CodeMirror } = document.querySelector(`${editor} .CodeMirror`);
      CodeMirror.setValue(text);
      CodeMirror.setCursor({ line: 0, ch: 2 });
      CodeMirror.focus();
    },
    [editor, text],
  );
  // The page reads the editor after a short pause without typing, and does not signal it.
  await page.waitForTimeout(800);
}

/** The result that the page shows. */
export const result = (page) =>
  page.evaluate(() => document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue() ?? "");

/** Waits until the result contains a text, and returns the result. */
export const shows = (page, expected) =>
  until(async () => {
    const text = await result(page);
    return text.includes(expected) && text;
  });

/** Fills in and submits the dialog that creates an account. */
export async function register(page, username) {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Create an account instead" }).click();
  await fill(page, username, password);
  await account(page, username).waitFor();
}

/** Fills in and submits the open dialog. */
export async function fill(page, username, password) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

/** The button with the name of the signed-in user. */
export const account = (page, username) => page.getByRole("button", { name: `Signed in as ${username}` });

export async function signOut(page, username) {
  await account(page, username).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
}
