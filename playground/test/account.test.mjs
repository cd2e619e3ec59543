// Tests the pages behind the links in messages. Every link is that of a message that the server has written.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { readableByScript } from "../../clients/harness/browser.mjs";
import { proofsOf, subjects } from "../../clients/harness/mail.mjs";
import { startServer, until } from "../../clients/harness/server.mjs";
import {
  heading,
  isVerified,
  newPassword,
  openAccountPages,
  password,
  press,
  registerWithEmail,
  request,
  signsIn,
} from "./account.mjs";

const settings = { PORTCULLIS_ACCOUNTS__EMAIL_SIGN_IN: "true", PORTCULLIS_LOG__FILTER: "trace" };
let server;
let pages;
/** The tokens of all links that a test has opened. */
let tokens;

before(async () => {
  server = await startServer({ settings, recordsLog: true });
});
after(() => server.remove());
beforeEach(async () => {
  tokens = [];
  pages = await openAccountPages(`${server.url}/`);
});
afterEach(async () => {
  await pages.close();
  assert.deepEqual(pages.errors, []);
  for (const token of tokens) {
    assert.ok(!server.log().includes(token), "no line of the log contains the token");
    const urls = pages.requests.flatMap(({ url, referer }) => [url.split("#")[0], referer ?? ""]);
    assert.ok(!urls.some((url) => url.includes(token)), "no request contains the token in its URL or its Referer");
  }
});

/** The link in the newest message to an address. */
async function linkTo(email, subject) {
  const { link, token } = proofsOf(await server.mailTo(email, subject));
  tokens.push(token);
  return link;
}

const operations = () => pages.requests.map(({ operation }) => operation).filter(Boolean);

test("a new user verifies the address, forgets the password, and is signed in again", async () => {
  const token = await registerWithEmail(server, "ada", "ada@example.com");
  const verify = await pages.open(await linkTo("ada@example.com"));
  await heading(verify, "Verify your address");
  assert.equal(await isVerified(server, token), false);
  await press(verify, "Verify address");
  await heading(verify, "Your address is verified");
  assert.equal(await isVerified(server, token), true);

  const forgotten = await pages.open(`${server.url}/account/forgot-password`);
  await forgotten.getByLabel("E-mail address").fill("ada@example.com");
  await forgotten.keyboard.press("Enter");
  await forgotten.getByText("If an account has this address, a message is on its way.").waitFor();

  const reset = await pages.open(await linkTo("ada@example.com", subjects.reset));
  await reset.getByLabel("New password").fill(newPassword);
  await press(reset, "Set password");
  await heading(reset, "Your password is changed");
  await reset.getByText("You are signed in.").waitFor();
  assert.equal(await signsIn(server, "ada", password), false);
  assert.equal(await signsIn(server, "ada", newPassword), true);

  await reset.goto(`${server.url}/`);
  await reset.getByRole("button", { name: "Signed in as ada" }).waitFor();
  const readable = await readableByScript(reset);
  assert.ok(!readable.includes(newPassword) && !/eyJ|prt_/.test(readable), "no script can read a token");
});

test("an opened link is not consumed, and its token is in neither the address bar nor the history", async () => {
  const token = await registerWithEmail(server, "grace", "grace@example.com");
  const link = await linkTo("grace@example.com");
  for (let time = 0; time < 3; time++) {
    const page = await pages.open(link);
    await page.mouse.move(100, 100);
    await page.keyboard.press("Tab");
    assert.equal(page.url(), link.split("#")[0]);
    assert.equal(await page.evaluate(() => history.length), 2, "the blank tab and the page");
    assert.doesNotMatch(await readableByScript(page), new RegExp(tokens[0]));
    await page.close();
  }
  assert.deepEqual(operations(), [], "no page has sent anything");
  assert.equal(await isVerified(server, token), false);
  const page = await pages.open(link);
  await press(page, "Verify address");
  await heading(page, "Your address is verified");
});

test("a used link says so, and leads to a new one", async () => {
  await registerWithEmail(server, "joan", "joan@example.com");
  await verifyByLink("joan@example.com");
  await request(server, "requestPasswordReset", "joan@example.com");
  const link = await linkTo("joan@example.com", subjects.reset);
  const set = async (page, password) => {
    await page.getByLabel("New password").fill(password);
    await press(page, "Set password");
  };
  const first = await pages.open(link);
  await set(first, newPassword);
  await heading(first, "Your password is changed");
  const second = await pages.open(link);
  await set(second, "a password of somebody else");
  await heading(second, "This link is no longer valid");
  assert.equal(await signsIn(server, "joan", newPassword), true);
  await second.getByRole("link", { name: "Set a new password" }).click();
  await heading(second, "Forgotten password");
});

/** Verifies an address as its owner does, because a message to reset a password needs a verified one. */
async function verifyByLink(email) {
  const page = await pages.open(await linkTo(email));
  await press(page, "Verify address");
  await heading(page, "Your address is verified");
}

test("an error is at its field, and the link still works afterwards", async () => {
  await registerWithEmail(server, "mary", "mary@example.com");
  await verifyByLink("mary@example.com");
  await request(server, "requestPasswordReset", "mary@example.com");
  const page = await pages.open(await linkTo("mary@example.com", subjects.reset));
  const field = page.getByLabel("New password");
  await page.getByText(/^\d+ to \d+ characters/).waitFor();
  assert.equal(await field.getAttribute("autocomplete"), "new-password");
  await field.fill("password");
  await press(page, "Set password");
  const alert = page.getByRole("alert").filter({ hasText: /./ });
  await alert.waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.ok((await field.getAttribute("aria-describedby")).includes(await alert.getAttribute("id")));
  assert.ok(await field.evaluate((input) => input === document.activeElement), "the field has the focus");
  await page.getByLabel("Show password").check();
  assert.equal(await field.getAttribute("type"), "text");
  await field.fill(newPassword);
  await press(page, "Set password");
  await heading(page, "Your password is changed");
});

test("the code in the message sets the password, also after a reload", async () => {
  await registerWithEmail(server, "dorothy", "dorothy@example.com");
  await verifyByLink("dorothy@example.com");
  const page = await pages.open(`${server.url}/account/forgot-password`);
  await page.getByLabel("E-mail address").fill("dorothy@example.com");
  await press(page, "Send message");
  await heading(page, "Look into your mailbox");
  const { code, token } = proofsOf(await server.mailTo("dorothy@example.com", subjects.reset));
  tokens.push(token);
  await page.reload();
  assert.equal(await page.getByLabel("E-mail address").inputValue(), "dorothy@example.com");
  assert.equal(await page.getByLabel("Code").getAttribute("autocomplete"), "one-time-code");
  const enter = async (code) => {
    await page.getByLabel("Code").fill(code);
    await page.getByLabel("New password").fill(newPassword);
    await press(page, "Set password");
  };
  await enter(code === "00000000" ? "00000001" : "00000000");
  await page.getByRole("alert").filter({ hasText: "The code is wrong" }).waitFor();
  await enter(`${code.slice(0, 4)} ${code.slice(4)}`);
  await heading(page, "Your password is changed");
  assert.equal(await signsIn(server, "dorothy", newPassword), true);
  await page.reload();
  await heading(page, "Forgotten password");
});

test("an unknown address gets the same page", async () => {
  const page = await pages.open(`${server.url}/account/forgot-password`);
  await page.getByLabel("E-mail address").fill("nobody@example.com");
  await press(page, "Send message");
  await page.getByText("If an account has this address, a message is on its way.").waitFor();
  await press(page, "Send another message");
  assert.equal(await page.getByLabel("E-mail address").inputValue(), "nobody@example.com");
});

test("a link signs in the browser in which its button is pressed", async () => {
  await registerWithEmail(server, "radia", "radia@example.com");
  await verifyByLink("radia@example.com");
  await request(server, "requestLoginEmail", "radia@example.com");
  const page = await pages.open(await linkTo("radia@example.com", subjects.signIn));
  await heading(page, "Sign in");
  assert.deepEqual(await pages.context.cookies(), []);
  await press(page, "Sign in");
  await heading(page, "You are signed in");
  const [cookie] = await pages.context.cookies();
  assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === "Strict");
});

test("an invited person chooses a password", async () => {
  await server.register("chief", password);
  await server.run("users", "set-roles", "chief", "--role", "admin");
  const accessToken = await tokenOf("chief");
  const invite = "mutation ($input: InviteUserInput!) { inviteUser(input: $input) { errors { code message } } }";
  const input = { email: "hedy@example.com", username: "hedy" };
  const { inviteUser } = await server.ask(invite, { input }, accessToken);
  assert.deepEqual(inviteUser.errors, []);
  const page = await pages.open(await linkTo("hedy@example.com"));
  await heading(page, "Accept your invitation");
  await page.getByLabel("New password").fill(newPassword);
  await press(page, "Create account");
  await heading(page, "Your account is ready");
  assert.equal(await signsIn(server, "hedy", newPassword), true);
});

test("a changed address is restored from the previous one", async () => {
  await registerWithEmail(server, "annie", "annie@example.com");
  await verifyByLink("annie@example.com");
  const accessToken = await tokenOf("annie");
  const change = "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { errors { code } } }";
  await server.ask(change, { input: { email: "intruder@example.com" } }, accessToken);
  await verifyByLink("intruder@example.com");
  const page = await pages.open(await linkTo("annie@example.com", subjects.changed));
  await press(page, "Restore my address");
  await heading(page, "Your previous address is restored");
  await page.getByRole("link", { name: "Set a new password" }).click();
  await heading(page, "Forgotten password");
  const { me } = await server.ask("{ me { email } }", {}, await tokenOf("annie"));
  assert.equal(me.email, "annie@example.com");
});

/** Signs in, and returns the access token. */
async function tokenOf(username) {
  const document = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }";
  return (await server.ask(document, { input: { username, password } })).login.accessToken;
}

test("a link that was opened in the same tab is the one that counts", async () => {
  await registerWithEmail(server, "edith", "edith@example.com");
  const address = `${server.url}/account/verify-email`;
  const page = await pages.open(`${address}#not-a-token`);
  await press(page, "Verify address");
  await heading(page, "This link is no longer valid");
  await page.goto(await linkTo("edith@example.com"));
  await press(page, "Verify address");
  await heading(page, "Your address is verified");
  await page.goto(address);
  await heading(page, "Open the link in the message");
});

test("the pages are readable in a narrow window, in the dark, and by the keyboard", async () => {
  for (const [name, colorScheme] of [
    ["verify-email", "light"],
    ["reset-password", "dark"],
    ["sign-in", "light"],
    ["invitation", "dark"],
    ["undo-email-change", "light"],
    ["forgot-password", "dark"],
  ]) {
    const page = await pages.open(`${server.url}/account/${name}#${"x".repeat(43)}`);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 320, height: 568 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), name);
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", name);
    for (const colors of await contrasts(page)) assert.ok(colors.ratio >= 4.5, `${name}: ${JSON.stringify(colors)}`);
    await page.keyboard.press("Tab");
    assert.match(await page.evaluate(() => document.activeElement.tagName), /INPUT|BUTTON/, name);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    await page.close();
  }
});

/** The contrast of each text with its background (WCAG 2.2, 1.4.3). */
function contrasts(page) {
  return page.evaluate(() => {
    const numbers = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = (color) => {
      const [red, green, blue] = numbers(color).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const background = (node) => {
      const color = getComputedStyle(node).backgroundColor;
      return numbers(color)[3] === 0 ? background(node.parentElement) : color;
    };
    return [...document.querySelectorAll("h1, p, label, button, input")]
      .filter((node) => node.textContent || node.value)
      .map((node) => {
        const [color, behind] = [getComputedStyle(node).color, background(node)];
        const [light, dark] = [luminance(color), luminance(behind)].sort((a, b) => b - a);
        return { text: node.textContent, color, behind, ratio: (light + 0.05) / (dark + 0.05) };
      });
  });
}

test("the pages show that the server cannot be reached or is busy, and can try again", async () => {
  const token = await registerWithEmail(server, "barbara", "barbara@example.com");
  const page = await pages.open(await linkTo("barbara@example.com"));
  const alert = (hasText) => page.getByRole("alert").filter({ hasText }).waitFor();
  const limited = { code: "RATE_LIMITED", message: "Wait.", field: null, retryAfter: 300 };
  const busy = { message: "Busy.", extensions: { code: "RATE_LIMITED", retryAfter: 7 } };
  for (const [respond, text] of [
    [(route) => route.abort(), "There is no connection to the server."],
    [(route) => route.fulfill({ status: 502, body: "<h1>Bad Gateway</h1>" }), "temporarily unavailable"],
    [(route) => route.fulfill({ json: { data: { payload: { errors: [limited] } } } }), "Try again in 5 minutes."],
    [(route) => route.fulfill({ json: { data: null, errors: [busy] } }), "Try again in 7 seconds."],
  ]) {
    await page.route("**/graphql", respond);
    await press(page, "Verify address");
    await alert(text);
    await page.unroute("**/graphql");
  }
  await press(page, "Verify address");
  await heading(page, "Your address is verified");
  assert.equal(await until(() => isVerified(server, token)), true);
  pages.errors = pages.errors.filter((error) => !/ERR_FAILED|502/.test(error));
});
