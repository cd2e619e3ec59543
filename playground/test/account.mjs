// Functions that use the pages behind the links in messages, in Chromium.

import { chromium } from "playwright-core";

import { openBrowser } from "../../clients/harness/browser.mjs";

export const password = "rope winch granite";
export const newPassword = "lantern orbit walnut";

/**
 * Opens a browser. `errors` collects the console messages and errors of all its pages, violations of the content
 * security policy, and requests to another server. `requests` collects the URL, the Referer and the operation of each
 * request.
 */
export async function openAccountPages(url, options) {
  const { context, close } = await openBrowser(chromium, options);
  const errors = [];
  const requests = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(url)) errors.push(request.url());
    const { referer } = request.headers();
    const operation = /(query|mutation) (\w+)/.exec(request.postData() ?? "")?.[2];
    requests.push({ url: request.url(), referer, operation });
  });
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );

  /** Opens a link in another tab. */
  async function open(link) {
    const page = await context.newPage();
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(link);
    await page.getByRole("heading", { level: 1 }).waitFor();
    return page;
  }

  return { context, close, errors, requests, open };
}

/** Waits until the page shows a heading. */
export const heading = (page, name) => page.getByRole("heading", { name, level: 1 }).waitFor();

/** Presses the button of the page. */
export const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** An account with an address, and its access token. */
export async function registerWithEmail(server, username, email) {
  const document = `mutation ($input: RegisterInput!) {
    register(input: $input) { accessToken errors { code message } }
  }`;
  return (await server.ask(document, { input: { username, password, email } })).register.accessToken;
}

/** Whether the address of an account is verified. */
export async function isVerified(server, token) {
  return (await server.ask("{ me { emailVerified } }", {}, token)).me.emailVerified;
}

/** Whether a password signs in. */
export async function signsIn(server, username, password) {
  const document = "mutation ($input: LoginInput!) { login(input: $input) { user { username } } }";
  return (await server.ask(document, { input: { username, password } })).login.user !== null;
}

/** Requests a message to an address, by a mutation such as `requestPasswordReset`. */
export async function request(server, field, email) {
  const input = `${field[0].toUpperCase()}${field.slice(1)}Input`;
  const document = `mutation ($input: ${input}!) { payload: ${field}(input: $input) { errors { code message } } }`;
  await server.ask(document, { input: { email } });
}
