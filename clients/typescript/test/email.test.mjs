import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPortcullis } from "@portcullis/client";

import { proofsOf, subjects } from "../../harness/mail.mjs";
import { startServer, until } from "../../harness/server.mjs";

const password = "correct horse battery";
const newPassword = "rope winch granite";
let server;

before(async () => {
  const settings = {
    PORTCULLIS_ACCOUNTS__VERIFY_BEFORE_SIGN_IN: "true",
    PORTCULLIS_ACCOUNTS__EMAIL_SIGN_IN: "true",
  };
  server = await startServer({ settings });
});
after(() => server.remove());

const client = () => createPortcullis({ url: `${server.url}/graphql`, delivery: "body" });

/** Creates an account whose address is verified, and returns the address. */
async function verified(username) {
  const email = `${username}@example.com`;
  const portcullis = client();
  await portcullis.register({ username, password, email });
  const { token } = proofsOf(await server.mailTo(email));
  assert.deepEqual(await portcullis.verifyEmail({ proof: { token } }), { errors: [] });
  return email;
}

const codes = ({ errors }) => errors.map(({ code }) => code);

test("a registration that must be verified has a challenge for the code", async () => {
  const portcullis = client();
  const registered = await portcullis.register({ username: "ada", password, email: "ada@example.com" });
  assert.equal(registered.user, null);
  assert.deepEqual(codes(registered), ["EMAIL_NOT_VERIFIED"]);
  const { challenge } = registered;
  const { code } = proofsOf(await server.mailTo("ada@example.com"));
  const wrong = code === "00000000" ? "00000001" : "00000000";
  assert.deepEqual(codes(await portcullis.verifyEmail({ proof: { code: { challenge, code: wrong } } })), [
    "INVALID_CODE",
  ]);
  assert.deepEqual(await portcullis.verifyEmail({ proof: { code: { challenge, code } } }), { errors: [] });
  assert.equal(portcullis.state.status, "unknown", "a verification signs nobody in");
  const { user, challenge: none } = await portcullis.login({ username: "ada", password });
  assert.deepEqual([user.username, none], ["ada", null]);
});

test("another message verifies as well, and voids the first", async () => {
  const email = "barbara@example.com";
  const portcullis = client();
  await portcullis.register({ username: "barbara", password, email });
  const first = proofsOf(await server.mailTo(email));
  const request = await portcullis.requestEmailVerification({ email });
  assert.deepEqual(request.errors, []);
  assert.ok(request.expiresAt > new Date() && request.resendAfter >= 0);
  const second = await secondMail(email, first);
  assert.deepEqual(codes(await portcullis.verifyEmail({ proof: { token: first.token } })), ["INVALID_CHALLENGE"]);
  assert.deepEqual(await portcullis.verifyEmail({ proof: { token: second.token } }), { errors: [] });
});

/** Waits for a message that differs from one before. */
function secondMail(email, before) {
  return until(async () => {
    const proofs = proofsOf(await server.mailTo(email));
    return proofs.token !== before.token && proofs;
  });
}

test("a password reset by the link signs in and ends every other session", async () => {
  const email = await verified("grace");
  const elsewhere = client();
  await elsewhere.login({ username: "grace", password });
  const portcullis = client();
  await portcullis.requestPasswordReset({ email });
  const { token } = proofsOf(await server.mailTo(email, subjects.reset));
  const weak = await portcullis.resetPassword({ proof: { token }, newPassword: "password" });
  assert.equal(weak.errors[0].field.at(-1), "newPassword");
  const { user } = await portcullis.resetPassword({ proof: { token }, newPassword });
  assert.equal(user.username, "grace");
  assert.deepEqual(portcullis.state, { status: "signedIn", user });
  await assert.rejects(elsewhere.request("{ me { username } }"), { code: "UNAUTHENTICATED" });
  const again = await client().resetPassword({ proof: { token }, newPassword: `${newPassword} two` });
  assert.deepEqual(codes(again), ["INVALID_CHALLENGE"]);
});

test("a password reset by the code needs the challenge of the same client", async () => {
  const email = await verified("joan");
  const portcullis = client();
  const { challenge } = await portcullis.requestPasswordReset({ email });
  const { code } = proofsOf(await server.mailTo(email, subjects.reset));
  const other = { challenge: challenge.replace(/^./, challenge[0] === "A" ? "B" : "A"), code };
  assert.deepEqual(codes(await client().resetPassword({ proof: { code: other }, newPassword })), [
    "INVALID_CHALLENGE",
  ]);
  const { user } = await portcullis.resetPassword({ proof: { code: { challenge, code } }, newPassword });
  assert.equal(user.username, "joan");
});

test("a request for an address that nobody has gets a challenge as well", async () => {
  const { challenge, errors } = await client().requestPasswordReset({ email: "nobody@example.com" });
  assert.deepEqual([typeof challenge, errors], ["string", []]);
  const invalid = await client().requestPasswordReset({ email: "not an address" });
  assert.equal(invalid.challenge, null);
  assert.deepEqual(codes(invalid), ["EMAIL_INVALID"]);
});

test("a link in a message signs in without a password", async () => {
  const email = await verified("mary");
  const portcullis = client();
  await portcullis.requestLoginEmail({ email });
  const { token } = proofsOf(await server.mailTo(email, subjects.signIn));
  const { user } = await portcullis.loginWithEmail({ proof: { token } });
  assert.equal(user.username, "mary");
  assert.equal((await portcullis.request("{ me { username } }")).me.username, "mary");
});

test("an invitation sets the password and signs in", async () => {
  await verified("chief");
  await server.run("users", "set-roles", "chief", "--role", "admin");
  const admin = client();
  await admin.login({ username: "chief", password });
  const invite = "mutation ($input: InviteUserInput!) { inviteUser(input: $input) { errors { code } } }";
  const input = { email: "hedy@example.com", username: "hedy" };
  assert.deepEqual((await admin.request(invite, { input })).inviteUser.errors, []);
  const { token } = proofsOf(await server.mailTo("hedy@example.com"));
  const portcullis = client();
  const { user } = await portcullis.acceptInvitation({ token, password });
  assert.equal(user.username, "hedy");
  assert.equal((await client().login({ username: "hedy", password })).user.username, "hedy");
});

test("an unknown link undoes no change of an address", async () => {
  assert.deepEqual(codes(await client().undoEmailChange({ token: "x".repeat(43) })), ["INVALID_CHALLENGE"]);
});
