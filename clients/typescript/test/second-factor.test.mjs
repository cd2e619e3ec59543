// Signs in with a code of an authenticator app. The codes are those of oathtool, which knows nothing of the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPortcullis } from "@portcullis/client";

import { totp } from "../../harness/authenticator.mjs";
import { startServer } from "../../harness/server.mjs";

const password = "correct horse battery";
let server;

before(async () => {
  server = await startServer({});
});
after(() => server.remove());

const client = () => createPortcullis({ url: `${server.url}/graphql`, delivery: "body" });

const codes = ({ errors }) => errors.map(({ code }) => code);

test("a user adds an authenticator app, signs in with it, and recovers without it", async () => {
  const portcullis = client();
  await portcullis.register({ username: "ada", password });
  const { startTotp } = await portcullis.request("mutation { startTotp { secret uri errors { code } } }");
  assert.match(startTotp.uri, /^otpauth:\/\/totp\/.*ada\?secret=/);
  const confirm = "mutation($code: String!) { confirmTotp(input: { code: $code }) { codes errors { code } } }";
  const confirmed = await portcullis.request(confirm, { code: totp(startTotp.secret, "-30 seconds") });
  assert.deepEqual(confirmed.confirmTotp.errors, []);
  assert.equal(confirmed.confirmTotp.codes.length, 10);
  const [recoveryCode] = confirmed.confirmTotp.codes;

  const elsewhere = client();
  const first = await elsewhere.login({ username: "ada", password });
  assert.deepEqual([first.user, codes(first)], [null, ["SECOND_FACTOR_REQUIRED"]]);
  assert.deepEqual(first.methods, ["TOTP", "RECOVERY_CODE"]);
  assert.equal(elsewhere.state.status, "unknown", "nobody is signed in yet");
  const { challenge } = first;
  const wrong = await elsewhere.verifySecondFactor({ challenge, factor: { totp: "12345" } });
  assert.deepEqual(codes(wrong), ["INVALID_CODE"]);
  const current = totp(startTotp.secret);
  const second = await elsewhere.verifySecondFactor({ challenge, factor: { totp: current } });
  assert.deepEqual([second.user.username, second.errors], ["ada", []]);
  assert.equal(elsewhere.state.status, "signedIn");

  assert.deepEqual(codes(await elsewhere.reauthenticate({ proof: { password } })), ["SECOND_FACTOR_REQUIRED"]);
  const lost = client();
  const again = await lost.login({ username: "ada", password });
  const used = await lost.verifySecondFactor({ challenge: again.challenge, factor: { totp: current } });
  assert.deepEqual(codes(used), ["INVALID_CODE"], "a code is accepted once");
  const recovered = await lost.verifySecondFactor({ challenge: again.challenge, factor: { recoveryCode } });
  assert.equal(recovered.user.username, "ada");
  const removed = await lost.request("mutation { removeTotp { errors { code } } }");
  assert.deepEqual(removed.removeTotp.errors, []);
  assert.equal((await client().login({ username: "ada", password })).user.username, "ada");
});

test("a user who must have a factor adds an authenticator app at the next sign-in", async () => {
  const settings = { PORTCULLIS_FACTORS__REQUIRED: "everyone", PORTCULLIS_FACTORS__GRACE: "0s" };
  const strict = await startServer({ settings });
  try {
    const portcullis = createPortcullis({ url: `${strict.url}/graphql`, delivery: "body" });
    const { challenge, enrolment, methods } = await portcullis.register({ username: "ada", password });
    assert.deepEqual(methods, ["TOTP"]);
    assert.match(enrolment.uri, /^otpauth:\/\/totp\//);
    const factor = { totp: totp(enrolment.secret) };
    const outcome = await portcullis.verifySecondFactor({ challenge, factor });
    assert.deepEqual([outcome.user.username, outcome.recoveryCodes.length], ["ada", 10]);
  } finally {
    await strict.remove();
  }
});
