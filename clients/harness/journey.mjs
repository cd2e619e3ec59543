// The steps of a user on the page of an example, from the first visit to the last.

import assert from "node:assert/strict";
import { join } from "node:path";

import { addAuthenticator, totp } from "./authenticator.mjs";
import { openBrowser, readableByScript } from "./browser.mjs";
import { proofsOf, subjects } from "./mail.mjs";
import { startServer, until } from "./server.mjs";

const username = "ada";
const password = "correct horse battery";
const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
const COUNT = "{ me { sessions { totalCount } } }";

/** Serves the example in a folder with Vite, as `npm run dev` does, and uses its page. */
export async function travel({ chromium, createServer, root }) {
  const server = await startServer();
  // The example's proxy reads the URL of the server from this variable.
  process.env.PORTCULLIS_URL = server.url;
  const vite = await createServer({ root, logLevel: "warn", server: { port: 0 } });
  await vite.listen();
  const browser = await openBrowser(chromium);
  try {
    const page = await browser.context.newPage();
    const faults = watch(page);
    const url = vite.resolvedUrls.local[0];
    await page.goto(url);
    await registering(page);
    await listing(page, server);
    await following(page, server);
    await revoked(page, server);
    await signingOut(page);
    await mailing(page, server, url);
    await protecting(page, server, url);
    assert.deepEqual(faults(url), []);
  } finally {
    await browser.close();
    await vite.close();
    await server.remove();
  }
  console.log("the page signs up, lists, revokes and follows sessions, is signed out, signs in and out, works by e-mail and with factors");
}

/** Records the errors of a page, and its requests to other origins. */
function watch(page) {
  const complaints = [];
  const asked = [];
  page.on(
    "console",
    (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()),
  );
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => asked.push(request.url()));
  return (origin) => [
    ...complaints,
    ...asked.filter((url) => !url.startsWith(origin) && !url.startsWith("data:")),
  ];
}

async function registering(page) {
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await shot(page, "sign-in");
  await page.getByRole("button", { name: "Create an account instead" }).click();
  await fill(page, "password");
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("alert").filter({ hasText: /guess/ }).waitFor();
  await shot(page, "weak-password");
  await fill(page, password);
  await page.keyboard.press("Enter");
  await page.getByText("Signed in as ada").waitFor();
  assert.doesNotMatch(await readableByScript(page), /eyJ|prt_|battery/, "no script can read a token");
}

async function listing(page, server) {
  const tokens = [];
  for (let device = 0; device < 7; device++) {
    tokens.push((await server.ask(LOGIN, { input: { username, password } })).login.accessToken);
  }
  const count = async () => (await server.ask(COUNT, {}, tokens[0])).me.sessions.totalCount;
  await page.reload();
  await page.getByRole("heading", { name: "8 sessions" }).waitFor();
  const rows = page.getByRole("listitem");
  assert.equal(await rows.count(), 5);
  await page.getByRole("button", { name: "Show more" }).click();
  await rows.nth(7).waitFor();
  await page.getByRole("button", { name: "Show more" }).waitFor({ state: "detached" });
  await rows.filter({ hasText: "This one" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Revoke" }).count(), 7, "all but the page's own");
  await shot(page, "sessions");
  await page.getByRole("button", { name: "Revoke" }).first().click();
  await page.getByRole("heading", { name: "7 sessions" }).waitFor();
  await until(async () => (await rows.count()) === 7);
  assert.equal(await count(), 7);
}

/** The user signs in elsewhere, and the page shows it. */
async function following(page, server) {
  const log = page.getByRole("log");
  await log.getByText("A session was revoked").waitFor();
  await server.ask(LOGIN, { input: { username, password } });
  await page.getByRole("heading", { name: "8 sessions" }).waitFor();
  await log.getByText("Signed in").waitFor();
  await page.getByRole("listitem").nth(7).waitFor();
  await shot(page, "events");
}

/** The page's session is revoked elsewhere, and the page signs out. */
async function revoked(page, server) {
  await server.run("sessions", "revoke", "--user", username);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

async function signingOut(page) {
  await fill(page, "not my password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await fill(page, password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "1 session" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

/** A user with an address verifies it and forgets the password, first with codes and then with links. */
async function mailing(page, server, url) {
  // The form would request a challenge for autofill while there is no server.
  await page.goto("about:blank");
  await server.stop();
  await server.start({
    PORTCULLIS_ACCOUNTS__VERIFY_BEFORE_SIGN_IN: "true",
    PORTCULLIS_ACCOUNTS__LINKS__VERIFY_EMAIL: `${url}#verify-email={token}`,
    PORTCULLIS_ACCOUNTS__LINKS__RESET_PASSWORD: `${url}#reset-password={token}`,
  });
  await page.goto(url);
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const heading = (name) => page.getByRole("heading", { name }).waitFor();
  const signUp = async (name) => {
    await press("Create an account instead");
    await page.getByLabel("Username").fill(name);
    await page.getByLabel("E-mail address").fill(`${name}@example.com`);
    await page.getByLabel("New password").fill(password);
    await press("Sign up");
    await heading("Verify your address");
    return proofsOf(await server.mailTo(`${name}@example.com`));
  };
  const signInAndOut = async (name, password) => {
    await heading("Sign in");
    await page.getByLabel("Username").fill(name);
    await page.getByLabel("Password").fill(password);
    await press("Sign in");
    await signOut(name);
  };
  const signOut = async (name) => {
    await page.getByText(`Signed in as ${name}`).waitFor();
    await press("Sign out");
    await heading("Sign in");
  };
  const forget = async (name) => {
    await press("I forgot my password");
    await page.getByLabel("E-mail address").fill(`${name}@example.com`);
    await press("Send message");
    await heading("Look into your mailbox");
    return proofsOf(await server.mailTo(`${name}@example.com`, subjects.reset));
  };

  const { code } = await signUp("grace");
  await page.getByLabel("Code").fill(code === "00000000" ? "00000001" : "00000000");
  await press("Verify");
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await page.getByLabel("Code").fill(code);
  await press("Verify");
  await signInAndOut("grace", password);
  await page.getByLabel("Username").waitFor();
  const reset = await forget("grace");
  await page.getByLabel("Code").fill(reset.code);
  await page.getByLabel("New password").fill(`${password} two`);
  await shot(page, "code");
  await press("Set password");
  await signOut("grace");

  const verify = await signUp("joan");
  await page.goto(verify.link);
  await heading("Verify your address");
  assert.ok(!page.url().includes(verify.token), "the token is not in the address bar");
  await page.getByRole("button", { name: "Not now" }).waitFor();
  await press("Verify");
  await page.reload();
  await signInAndOut("joan", password);
  const { link } = await forget("joan");
  await page.goto(link);
  await heading("Choose a new password");
  await page.getByLabel("New password").fill(`${password} three`);
  await press("Set password");
  await signOut("joan");
}

/** A user adds a passkey and an app, signs in with each, loses both, recovers, and authenticates again. */
async function protecting(page, server, url) {
  await page.goto("about:blank");
  await server.stop();
  await server.start({ PORTCULLIS_PASSKEYS__ORIGINS: new URL(url).origin });
  // The virtual authenticator would sign in by autofill as soon as the form is there.
  await page.addInitScript(() => {
    PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  });
  await page.goto(url);
  const authenticator = await addAuthenticator(page);
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const heading = (name) => page.getByRole("heading", { name, exact: true }).waitFor();
  const enter = async (code) => {
    await page.getByLabel("Code", { exact: true }).fill(code);
    await page.keyboard.press("Enter");
  };
  const signOut = async () => {
    await page.getByText("Signed in as lise").waitFor();
    await press("Sign out");
    await heading("Sign in");
  };
  const signIn = async () => {
    await page.getByLabel("Username").fill("lise");
    await page.getByLabel("Password").fill(password);
    await press("Sign in");
    await heading("Second factor");
  };
  const choose = async (name) => {
    const button = page.getByRole("button", { name, exact: true });
    if (await button.isVisible()) await button.click();
  };

  await press("Create an account instead");
  await page.getByLabel("Username").fill("lise");
  await page.getByLabel("New password").fill(password);
  await press("Sign up");
  await press("Add an authenticator app");
  await heading("Authenticator app");
  const secret = await page.locator("code").innerText();
  await shot(page, "app");
  await enter(totp(secret, "-30 seconds"));
  const codes = (await page.getByLabel("Recovery codes").innerText()).split("\n");
  assert.equal(codes.length, 10);
  await shot(page, "codes");
  await press("I have printed them");
  await press("Add a passkey");
  await page.getByText("Never used").waitFor();
  await shot(page, "security");
  await signOut();

  await press("Use a passkey");
  await signOut();
  await authenticator.clear();
  await signIn();
  await choose("Use the authenticator app");
  await enter("12345");
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await enter(totp(secret));
  await signOut();
  await signIn();
  await press("Use a recovery code");
  await page.getByLabel("Recovery code").fill(codes[0]);
  await press("Continue");
  await press("Remove the authenticator app");
  await page.getByRole("button", { name: "Add an authenticator app" }).waitFor();
  await press("Delete");
  await page.getByRole("button", { name: "Delete" }).waitFor({ state: "detached" });
  await steppingUp(page);
  await signOut();
}

/** The user must authenticate again, after which the page repeats the operation. */
async function steppingUp(page) {
  // The server would refuse only a login that is five minutes old.
  await page.route("**/graphql", refuseOnce("startTotp"));
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  await press("Add an authenticator app");
  await page.getByRole("heading", { name: "Authenticate again" }).waitFor();
  await page.getByLabel("Password").fill("not my password");
  await press("Continue");
  await page.getByRole("alert").filter({ hasText: "wrong" }).waitFor();
  await page.getByLabel("Password").fill(password);
  await shot(page, "step-up");
  await press("Continue");
  await page.getByRole("heading", { name: "Authenticator app" }).waitFor();
  await press("Cancel");
}

/** Refuses the first operation with a field, because the login is too old. */
function refuseOnce(field) {
  const extensions = { code: "UNAUTHENTICATED", reason: "INSUFFICIENT_USER_AUTHENTICATION", maxAge: 300 };
  const errors = [{ message: "The login is too old.", path: ["payload"], extensions }];
  let isRefused = false;
  return async (route) => {
    if (isRefused || !route.request().postData()?.includes(field)) return route.continue();
    isRefused = true;
    await route.fulfill({ json: { data: { payload: null }, errors } });
  };
}

async function fill(page, password) {
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
}

/** Takes a screenshot into the folder that SCREENSHOTS names, if it is set. */
async function shot(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
