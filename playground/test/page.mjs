// The page as a test uses it, in Chromium.

import { chromium } from "playwright-core";

import { openBrowser } from "../../clients/harness/browser.mjs";
import { until } from "../../clients/harness/server.mjs";

export const password = "rope winch granite";

/**
 * Opens a browser, of which every page notes what must not be: complaints of the browser, breaches of the content
 * security policy, and requests to another server.
 */
export async function openPages(url) {
  const { context, close } = await openBrowser(chromium);
  const faults = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) faults.push(request.url());
  });
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );

  /** Opens the page once more, as another tab. */
  async function open() {
    const page = await context.newPage();
    await page.setViewportSize({ width: 1280, height: 720 });
    page.on("console", (message) => faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(url);
    await page.locator(".graphiql-query-editor .CodeMirror-code").waitFor();
    return page;
  }

  return { context, close, faults, open };
}

/** Runs a document in the editor and gives the answer once it holds `expected`. */
export async function run(page, document, expected) {
  await start(page, document);
  return shows(page, expected);
}

/** Runs a document in the editor. */
export async function start(page, document) {
  await write(page, ".graphiql-query-editor", document);
  await page.keyboard.press("Control+Enter");
}

/** Writes into an editor, and leaves the cursor there. */
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
  // The page takes over what is typed after a moment without typing, and gives no sign of it.
  await page.waitForTimeout(800);
}

/** The answer that the page shows. */
export const answer = (page) =>
  page.evaluate(() => document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue() ?? "");

/** Waits until the answer holds a text; gives the answer. */
export const shows = (page, expected) =>
  until(async () => {
    const text = await answer(page);
    return text.includes(expected) && text;
  });

/** Fills in the dialog that makes an account, and sends it. */
export async function register(page, username) {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Create an account instead" }).click();
  await fill(page, username, password);
  await account(page, username).waitFor();
}

/** Fills in the dialog that is open, and sends it. */
export async function fill(page, username, password) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

/** The button that says who is signed in. */
export const account = (page, username) => page.getByRole("button", { name: `Signed in as ${username}` });

export async function signOut(page, username) {
  await account(page, username).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
}
