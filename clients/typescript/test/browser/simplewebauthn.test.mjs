// Compares the server's verification of passkeys with that of another implementation, @simplewebauthn/server: both
// accept what Chromium's authenticator signs, and both reject each change of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";
import { chromium } from "playwright-core";

import { addAuthenticator } from "../../../harness/authenticator.mjs";
import { openBrowser } from "../../../harness/browser.mjs";
import { startServer } from "../../../harness/server.mjs";
import { startSite } from "./site.mjs";

const password = "correct horse battery";
let server;
let site;
let browser;
let page;
let accessToken;

before(async () => {
  server = await startServer();
  site = await startSite(server);
  await server.stop();
  await server.start({ PORTCULLIS_PASSKEYS__ORIGINS: new URL(site.url).origin });
  ({ accessToken } = await server.register("ada", password));
  browser = await openBrowser(chromium);
  page = await browser.context.newPage();
  await page.goto(site.url);
  await addAuthenticator(page);
});
after(async () => {
  await browser.close();
  site.close();
  await server.remove();
});

const origin = () => new URL(site.url).origin;

const create = (options) =>
  page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }, options);

const get = (options) =>
  page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  }, options);

/** Whether the other implementation accepts a response. It throws for most wrong ones. */
const accepts = (verification) =>
  verification.then(
    ({ verified }) => verified,
    () => false,
  );

/** Changes the bytes of a member that is encoded as base64url. */
function withBytes(response, member, change) {
  const bytes = Buffer.from(response.response[member], "base64url");
  return { ...response, response: { ...response.response, [member]: change(bytes).toString("base64url") } };
}

const withClientData = (response, members) =>
  withBytes(response, "clientDataJSON", (bytes) => Buffer.from(JSON.stringify({ ...JSON.parse(bytes), ...members })));

const flipped = (index, bits = 1) => (bytes) => {
  bytes[index < 0 ? bytes.length + index : index] ^= bits;
  return bytes;
};

/** The place of the authenticator data in an attestation object, whose first 32 bytes are the hash of the RP ID. */
const FLAGS = 32;
const USER_VERIFIED = 1 << 2;
const USER_PRESENT = 1;

const ofClientData = {
  "another type": (response) => withClientData(response, { type: "webauthn.other" }),
  "another challenge": (response) => withClientData(response, { challenge: "AAAAAAAAAAAAAAAAAAAAAA" }),
  "another origin": (response) => withClientData(response, { origin: "https://example.com" }),
  "client data that is no JSON": (response) => withBytes(response, "clientDataJSON", () => Buffer.from("{")),
  "another type of credential": (response) => ({ ...response, type: "password" }),
};

/** Only this server compares the identifier with the one in the signed data, or with those that it knows. */
const withOtherId = (response) => ({ ...response, id: "AAAA", rawId: "AAAA" });

const ofSignature = {
  ...ofClientData,
  "another signature": (response) => withBytes(response, "signature", flipped(-1)),
  "no signature": (response) => withBytes(response, "signature", () => Buffer.alloc(0)),
  "another RP ID": (response) => withBytes(response, "authenticatorData", flipped(0)),
  "no verified user": (response) => withBytes(response, "authenticatorData", flipped(FLAGS, USER_VERIFIED)),
  "no present user": (response) => withBytes(response, "authenticatorData", flipped(FLAGS, USER_PRESENT)),
  "another counter": (response) => withBytes(response, "authenticatorData", flipped(-1)),
  "short authenticator data": (response) => withBytes(response, "authenticatorData", (bytes) => bytes.subarray(0, 36)),
};

/** A change of the authenticator data inside of an attestation object, which has no signature. */
const ofAuthenticatorData = (index, bits) => (response) =>
  withBytes(response, "attestationObject", (bytes) => {
    const header = Buffer.from("authData");
    const start = bytes.indexOf(header) + header.length;
    // The byte string is longer than 255 bytes or not: its head has three bytes or two.
    return flipped(start + (bytes[start] === 0x59 ? 3 : 2) + index, bits)(bytes);
  });

const ofRegistration = {
  ...ofClientData,
  "another RP ID": ofAuthenticatorData(0),
  "no verified user": ofAuthenticatorData(FLAGS, USER_VERIFIED),
  "no present user": ofAuthenticatorData(FLAGS, USER_PRESENT),
  "a short attestation object": (response) => withBytes(response, "attestationObject", (bytes) => bytes.subarray(0, 60)),
  "no attestation object": (response) => withBytes(response, "attestationObject", () => Buffer.alloc(0)),
};

/** Creates a passkey, changed or not. Returns what both implementations say. */
async function register(change = (response) => response) {
  const started = "mutation { it: startPasskey { challenge options } }";
  const { challenge, options } = (await server.ask(started, {}, accessToken)).it;
  const response = change(await create(options));
  const added = "mutation ($input: AddPasskeyInput!) { it: addPasskey(input: $input) { errors { code } } }";
  const { errors } = (await server.ask(added, { input: { challenge, credential: response } }, accessToken)).it;
  const expected = { expectedChallenge: options.challenge, expectedOrigin: origin(), expectedRPID: "localhost" };
  const verified = verifyRegistrationResponse({ response, ...expected, requireUserVerification: true });
  return { ours: errors.map(({ code }) => code), theirs: await accepts(verified), verified };
}

async function logIn(credential, change = (response) => response) {
  const started = "mutation { it: startPasskeyLogin { challenge options } }";
  const { challenge, options } = (await server.ask(started)).it;
  const response = change(await get(options));
  const login = "mutation ($input: LoginWithPasskeyInput!) { it: loginWithPasskey(input: $input) { errors { code } } }";
  const { errors } = (await server.ask(login, { input: { challenge, credential: response } })).it;
  const expected = { expectedChallenge: options.challenge, expectedOrigin: origin(), expectedRPID: "localhost" };
  const verified = verifyAuthenticationResponse({ response, ...expected, credential, requireUserVerification: true });
  return { ours: errors.map(({ code }) => code), theirs: await accepts(verified) };
}

test("both implementations accept and reject the same passkeys", async () => {
  for (const [name, change] of Object.entries(ofRegistration)) {
    const { ours, theirs } = await register(change);
    assert.deepEqual([ours, theirs], [["PASSKEY_REJECTED"], false], `a registration with ${name}`);
  }
  assert.deepEqual((await register(withOtherId)).ours, ["PASSKEY_REJECTED"]);
  const { ours, theirs, verified } = await register();
  assert.deepEqual([ours, theirs], [[], true]);
  const { credential } = (await verified).registrationInfo;
  assert.deepEqual(await logIn(credential), { ours: [], theirs: true });
  for (const [name, change] of Object.entries(ofSignature)) {
    const { ours, theirs } = await logIn(credential, change);
    assert.deepEqual([ours, theirs], [["PASSKEY_REJECTED"], false], `a sign-in with ${name}`);
  }
  assert.deepEqual((await logIn(credential, withOtherId)).ours, ["PASSKEY_REJECTED"]);
  assert.deepEqual(await logIn(credential), { ours: [], theirs: true });
});
