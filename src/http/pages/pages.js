// The pages behind the links in messages. No page acts by itself, because scanners of mail open links and run scripts:
// only the button sends the token of the link. The token is in the fragment, which browsers send to no server.

import documents from "./documents.js";
import { duration, language, text } from "./texts.js";

const TIMEOUT_MS = 30_000;

/** The page, how it signs in (COOKIE or BODY), and the URL of the application; set by the server. */
const { page, delivery, application } = document.documentElement.dataset;
const main = document.querySelector("main");
let token = "";

/** The mutation behind the button of each page, its fields, and its input. */
const linkPages = {
  "verify-email": { operation: "VerifyEmail", fields: [], input: () => ({ proof: { token } }) },
  "reset-password": {
    operation: "ResetPassword",
    fields: ["newPassword"],
    input: (values) => ({ proof: { token }, ...values, delivery }),
    signsIn: true,
  },
  "sign-in": {
    operation: "LoginWithEmail",
    fields: [],
    input: () => ({ proof: { token }, delivery }),
    signsIn: true,
  },
  invitation: {
    operation: "AcceptInvitation",
    fields: ["username", "password"],
    input: ({ username, password }) => ({ token, username: username || null, password, delivery }),
    signsIn: true,
  },
  "undo-email-change": { operation: "UndoEmailChange", fields: [], input: () => ({ token }) },
};

const newPassword = { label: text.password, type: "password", autocomplete: "new-password" };
const fields = {
  // Not the type `email`: browsers reject letters outside ASCII in it.
  email: { label: text.email, inputmode: "email", autocomplete: "username" },
  code: { label: text.code, hint: text.codeHint, inputmode: "numeric", autocomplete: "one-time-code" },
  username: { label: text.username, hint: text.usernameHint, autocomplete: "username", optional: true },
  newPassword,
  password: newPassword,
};

document.documentElement.lang = language;
window.addEventListener("hashchange", start);
start();

/** Shows the page for the link that was opened, and removes its token from the address bar and the history. */
function start() {
  if (page === "forgot-password") return history.state?.challenge ? askForCode(history.state) : askForAddress();
  token = decode(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  if (!token) return show(text.missing, paragraph(text.missingText), forgottenLink());
  if (page === "sign-in" && delivery !== "COOKIE") return show(text[page].title, paragraph(text.noCookies));
  const { operation, input, signsIn, fields: names } = linkPages[page];
  const { title, text: explanation, button } = text[page];
  const submit = async (values) => {
    const payload = await send(operation, input(values));
    // The token of a link has no field of its own: without it there is nothing to correct in the form.
    const ofLink = payload.errors.filter(({ code, field }) => isOfProof(code, field));
    if (ofLink.length > 0) return show(text.used, paragraph(text.usedText), paragraph(text[page].again), forgottenLink());
    if (payload.errors.length > 0) return payload.errors;
    await (signsIn ? finishSignIn(text[page].done, payload) : finish(text[page].done, text[page].doneText));
  };
  showForm({ title, explanation, button, names, submit });
}

function askForAddress(email = "") {
  const { title, text: explanation, button } = text["forgot-password"];
  const submit = async ({ email }) => {
    const { challenge, errors } = await send("RequestPasswordReset", { email });
    if (errors.length > 0) return errors;
    // The state survives a reload: phones discard pages while their user reads mail.
    history.replaceState({ challenge, email }, "");
    askForCode({ challenge, email });
  };
  showForm({ title, explanation, button, names: ["email"], values: { email }, submit });
}

function askForCode({ challenge, email }) {
  const { title, text: explanation, button, other } = text.sent;
  const submit = async ({ code, newPassword }) => {
    const proof = { code: { challenge, code: code.replaceAll(/\D/g, "") } };
    const payload = await send("ResetPassword", { proof, newPassword, delivery });
    if (payload.errors.length > 0) return payload.errors;
    history.replaceState(null, "");
    await finishSignIn(text["forgot-password"].done, payload);
  };
  const repeat = element("button", { type: "button", class: "other" }, other);
  repeat.addEventListener("click", () => {
    history.replaceState(null, "");
    askForAddress(email);
  });
  const names = ["email", "code", "newPassword"];
  showForm({ title, explanation, button, names, values: { email }, fixed: "email", submit }, repeat);
}

/** Shows the end of a flow that signs in. Without cookies nobody could use the session, so it is ended. */
async function finishSignIn(title, { accessToken }) {
  if (delivery === "COOKIE") return finish(title, application ? text.signedInHere : text.signedIn);
  await send("Logout", undefined, accessToken).catch(() => {});
  finish(title, text.signInNow);
}

function finish(title, explanation) {
  token = "";
  const next = application && element("a", { class: "button", href: application }, text.continue(new URL(application).host));
  show(title, paragraph(explanation), page === "undo-email-change" ? forgottenLink() : next || "");
}

/** The link to the page for a forgotten password, from a page that has to do with passwords. */
function forgottenLink() {
  if (!["reset-password", "undo-email-change"].includes(page)) return "";
  return element("a", { class: "button", href: "./forgot-password" }, text.forgotten);
}

/** Shows a form. `submit` returns errors, or shows the next step. */
function showForm({ title, explanation, button, names, values = {}, fixed, submit }, ...others) {
  const inputs = names.map((name) => field(name, values[name] ?? "", name === fixed));
  const passwords = inputs.filter(({ input }) => input.type === "password");
  const send = element("button", { type: "submit" }, button);
  const notice = element("div", {});
  const form = element(
    "form",
    { method: "post" },
    paragraph(explanation),
    ...inputs.map(({ row }) => row),
    passwords.length > 0 ? passwordSwitch(passwords) : "",
    notice,
    send,
    ...others,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearErrors(inputs, notice);
    send.disabled = true;
    const given = Object.fromEntries(inputs.map(({ input }) => [input.name, input.value]));
    const errors = await submit(given).catch((error) => [describe(error)]);
    send.disabled = false;
    if (errors) showErrors(errors, inputs, notice, send);
  });
  for (const { input, hint } of passwords) void showPolicy(input, hint);
  show(title, form);
}

/** A field with its label, hint and error. */
function field(name, value, isFixed) {
  const { label, hint = "", optional = false, ...attributes } = fields[name];
  const hintText = element("p", { class: "hint", id: `${name}-hint` }, hint);
  const error = element("p", { class: "error", id: `${name}-error`, role: "alert" });
  const input = element("input", {
    id: name,
    name,
    autocapitalize: "none",
    spellcheck: "false",
    "aria-describedby": `${name}-error ${name}-hint`,
    ...attributes,
    ...(!optional && { required: "" }),
    ...(isFixed && { readonly: "" }),
  });
  input.value = value;
  const row = element("div", {}, element("label", { for: name }, label), input, hintText, error);
  return { input, hint: hintText, error, row };
}

function passwordSwitch(passwords) {
  const box = element("input", { type: "checkbox", id: "show-password" });
  box.addEventListener("change", () => {
    for (const { input } of passwords) input.type = box.checked ? "text" : "password";
  });
  return element("label", { class: "choice", for: "show-password" }, box, text.showPassword);
}

/** Shows the rules for passwords. Without them the page works as well: the server names what is wrong. */
async function showPolicy(input, hint) {
  const { passwordPolicy } = await send("PasswordPolicy").catch(() => ({}));
  if (passwordPolicy) hint.textContent = text.passwordHint(passwordPolicy);
}

function clearErrors(inputs, notice) {
  notice.replaceChildren();
  document.title = document.title.replace(text.errorTitle, "");
  for (const { input, error } of inputs) {
    input.removeAttribute("aria-invalid");
    error.textContent = "";
  }
}

/** Shows each error at its field, or above the button, and moves the focus there. */
function showErrors(errors, inputs, notice, button) {
  document.title = text.errorTitle + document.title;
  for (const error of errors) {
    const name = isOfProof(error.code, error.field) ? "code" : error.field?.at(-1);
    const at = inputs.find(({ input }) => input.name === name);
    if (at) {
      at.error.textContent = messageOf(error);
      at.input.setAttribute("aria-invalid", "true");
    } else {
      notice.append(element("p", { class: "error", role: "alert" }, messageOf(error)));
    }
  }
  (inputs.find(({ input }) => input.ariaInvalid)?.input ?? button).focus();
}

/** Whether an error is about the link or the code. */
function isOfProof(code, field) {
  return ["INVALID_CODE", "INVALID_CHALLENGE"].includes(code) || field?.includes("proof") || field?.at(-1) === "token";
}

/** The text of an error for the user. */
function messageOf({ code, message, retryAfter }) {
  if (code === "RATE_LIMITED" && retryAfter) return text.rateLimited(duration(retryAfter));
  if (code === "INVALID_CODE") return text.wrongCode;
  if (code === "INVALID_CHALLENGE") return text.tooManyCodes;
  return text.codes[code] ?? message;
}

/** Sends an operation and returns its payload. */
async function send(operation, input, accessToken) {
  const response = await fetch("../graphql", {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9",
      "content-type": "application/json",
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query: documents[operation], ...(input && { variables: { input } }) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { data, errors } = await response.json();
  if (!data?.payload) throw Object.assign(new Error(errors[0].message), errors[0].extensions);
  return data.payload;
}

/** An error of a whole request in the shape of an error of a form. */
function describe({ code, message, retryAfter, name }) {
  if (code && code !== "SERVICE_UNAVAILABLE") return { code, message, retryAfter };
  // `fetch` fails with a TypeError, or the time is up. Otherwise a proxy has responded in place of the server.
  const isOffline = !code && (name === "TypeError" || name === "TimeoutError");
  return { message: isOffline ? text.offline : text.unavailable };
}

/** Shows a step: its heading and its content. */
function show(title, ...content) {
  const heading = element("h1", { tabindex: "-1" }, title);
  document.title = title;
  main.replaceChildren(heading, ...content);
  heading.focus();
}

function paragraph(content) {
  return element("p", {}, content);
}

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
  node.append(...children);
  return node;
}

function decode(fragment) {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}
