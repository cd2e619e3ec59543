// A person on a fresh server protects an account with a passkey and an authenticator app, signs in with each, loses both
// and recovers.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { addAuthenticator, totp } from "../../clients/harness/authenticator.mjs";
import { readableByScript } from "../../clients/harness/browser.mjs";
import { startServer } from "../../clients/harness/server.mjs";
import { account, fill, openPages, password, register, run, shows, signOut, start } from "./page.mjs";

const ME = "{ me { username } }";
let server;
let pages;
let page;
let authenticator;

/** Starts a server and opens the page. With autofill, the virtual authenticator signs in as soon as there is a form. */
async function open({ settings, hasAutofill = false } = {}) {
  server = await startServer({ settings });
  // Browsers use passkeys only on pages with a domain.
  pages = await openPages(server.url.replace("127.0.0.1", "localhost"));
  if (!hasAutofill) {
    await pages.context.addInitScript(() => {
      PublicKeyCredential.isConditionalMediationAvailable = async () => false;
    });
  }
  page = await pages.open();
  authenticator = await addAuthenticator(page);
}

afterEach(async () => {
  await pages.close();
  await server.remove();
  assert.deepEqual(pages.errors, []);
});

const button = (name) => page.getByRole("button", { name, exact: true });
const press = (name) => button(name).click();
const title = (name) => page.getByRole("heading", { name, exact: true }).waitFor();

async function openSecurity() {
  await account(page, "ada").click();
  await page.getByRole("menuitem", { name: "Security" }).click();
  await title("Security");
}

async function closeDialog() {
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function openSignIn() {
  await press("Sign in");
  await title("Sign in");
}

/** Adds an authenticator app. Returns its secret. */
async function addApp() {
  await press("Add app");
  await title("Add an authenticator app");
  await page.getByRole("img", { name: "QR code for the authenticator app" }).waitFor();
  const secret = await page.getByLabel("Key", { exact: true }).innerText();
  await page.getByLabel("Code", { exact: true }).fill(wrong(totp(secret)));
  await press("Confirm");
  await page.locator("[aria-invalid=true]").and(page.getByLabel("Code", { exact: true })).waitFor();
  await page.getByLabel("Code", { exact: true }).fill(totp(secret, "-30 seconds"));
  await press("Confirm");
  return secret;
}

const wrong = (code) => code.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));

async function addPasskey(name) {
  await press("Add a passkey");
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await press("Add passkey");
}

/** The recovery codes that the page shows. */
async function recoveryCodes() {
  await title("Recovery codes");
  const codes = await page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem").allInnerTexts();
  assert.equal(codes.length, 10);
  await press("I have stored the codes");
  await title("Security");
  return codes;
}

test("a person adds a passkey and an app, signs in with each, loses both and recovers", async () => {
  await open();
  await register(page, "ada");
  await openSecurity();
  const secret = await addApp();
  const [code] = await recoveryCodes();
  await page.getByText("10 of 10 left").waitFor();
  await addPasskey("Laptop");
  await page.getByText("Laptop").waitFor();
  await press("Rename");
  await page.getByRole("textbox", { name: "Name" }).fill("Old laptop");
  await page.keyboard.press("Enter");
  await page.getByText("Old laptop").waitFor();
  await closeDialog();
  await signOut(page, "ada");

  await openSignIn();
  await press("Sign in with a passkey");
  await account(page, "ada").waitFor();
  await run(page, ME, '"username": "ada"');
  await signOut(page, "ada");

  await authenticator.clear();
  await openSignIn();
  await fill(page, "ada", password);
  await title("Second factor");
  await useOther("Use the authenticator app");
  await page.getByLabel("Code", { exact: true }).fill(wrong(totp(secret)));
  await press("Continue");
  await page.locator("[aria-invalid=true]").waitFor();
  await page.getByLabel("Code", { exact: true }).fill(totp(secret));
  await press("Continue");
  await account(page, "ada").waitFor();
  await signOut(page, "ada");

  await openSignIn();
  await fill(page, "ada", password);
  await title("Second factor");
  await press("Use a recovery code");
  await page.getByLabel("Recovery code").fill(code);
  await press("Continue");
  await account(page, "ada").waitFor();
  await openSecurity();
  await page.getByText("9 of 10 left").waitFor();
  await press("Remove app");
  await button("Add app").waitFor();
  await press("Delete");
  await page.getByText("Old laptop").waitFor({ state: "detached" });
  await closeDialog();
  await signOut(page, "ada");
  await openSignIn();
  await fill(page, "ada", password);
  await account(page, "ada").waitFor();
  assert.doesNotMatch(await readableByScript(page), /eyJ|prt_|granite/, "no script can read a token");
});

/** Chooses another way to prove who the user is, unless the page already shows it. */
async function useOther(name) {
  if (await button(name).isVisible()) await press(name);
}

test("autofill offers the passkey in the form", async () => {
  await open({ hasAutofill: true });
  await register(page, "ada");
  await openSecurity();
  await addPasskey("Laptop");
  await recoveryCodes();
  await page.getByText("Laptop").waitFor();
  await closeDialog();
  await signOut(page, "ada");
  await press("Sign in");
  await account(page, "ada").waitFor();
});

test("the page asks the user to authenticate again, and repeats the operation", async () => {
  await open({ settings: { PORTCULLIS_ACCOUNTS__STEP_UP_AFTER: "1s" } });
  await register(page, "ada");
  await page.waitForTimeout(1500);
  const change = 'mutation { updateProfile(input: { email: "ada@example.com" }) { user { email } errors { code } } }';
  await start(page, change);
  await title("Authenticate again");
  await press("Cancel");
  await shows(page, "INSUFFICIENT_USER_AUTHENTICATION");
  await start(page, change);
  await title("Authenticate again");
  await page.getByLabel("Password").fill("not my password");
  await press("Continue");
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await page.getByLabel("Password").fill(password);
  await press("Continue");
  await shows(page, "ada@example.com");
});

test("a refusal of the browser is shown", async () => {
  await open();
  await register(page, "ada");
  await openSecurity();
  await authenticator.verifyUser(false);
  await addPasskey("Laptop");
  await page.getByRole("alert").filter({ hasText: "No passkey was used." }).waitFor();
  await authenticator.verifyUser(true);
  await press("Add passkey");
  await recoveryCodes();
  await page.getByText("Laptop").waitFor();
  await addPasskey("Laptop again");
  await page.getByRole("alert").filter({ hasText: "already has a passkey" }).waitFor();
  const byAddress = await pages.open();
  await byAddress.goto(server.url);
  await byAddress.getByRole("button", { name: "Sign in" }).click();
  await byAddress.getByRole("button", { name: "Sign in with a passkey" }).click();
  await byAddress.getByRole("alert").filter({ hasText: "Open http://localhost:" }).waitFor();
  pages.errors.splice(0);
});
