// Tests the claims with the server that PORTCULLIS_BIN names.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createRemoteJWKSet, jwtVerify } from "jose";

import { startServer } from "../../clients/harness/server.mjs";
import { sessionVariables } from "./hasura.js";

let portcullis;

before(async () => {
  const settings = { PORTCULLIS_HTTP__PUBLIC_URL: "http://127.0.0.1:4000" };
  portcullis = await startServer({
    config: fileURLToPath(new URL("portcullis.toml", import.meta.url)),
    settings,
  });
});
after(() => portcullis.remove());

/** The claims of a token, verified as Hasura does with this setting. */
async function claimsOf(token, setting) {
  const { pathname } = new URL(setting.jwk_url);
  const keys = createRemoteJWKSet(new URL(pathname, portcullis.url));
  const { issuer, audience } = setting;
  return (await jwtVerify(token, keys, { issuer, audience, algorithms: ["RS256"] })).payload;
}

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));

test("custom claims give all users the same session variables", async () => {
  const setting = read("jwt-secret.static.json");
  const { accessToken } = await portcullis.register("ada");
  assert.deepEqual(sessionVariables(await claimsOf(accessToken, setting), setting), {
    "x-hasura-default-role": "user",
    "x-hasura-allowed-roles": ["user"],
    "x-hasura-tenant-id": "acme",
  });
});

test("a claims map gives each user their own session variables", async () => {
  const setting = read("jwt-secret.mapped.json");
  const { accessToken, user } = await portcullis.register("grace");
  assert.deepEqual(sessionVariables(await claimsOf(accessToken, setting), setting), {
    "x-hasura-user-id": user.id,
    "x-hasura-allowed-roles": ["user"],
    "x-hasura-default-role": "user",
  });
});

test("claims that Hasura would reject are rejected", () => {
  const refused = (claims) =>
    assert.throws(() => sessionVariables({ "https://hasura.io/jwt/claims": claims }, {}));
  assert.throws(() => sessionVariables({ sub: "user_1" }, {}));
  refused({ "x-hasura-default-role": "user" });
  refused({ "x-hasura-default-role": "admin", "x-hasura-allowed-roles": ["user"] });
  refused({ "x-hasura-default-role": "user", "x-hasura-allowed-roles": "user" });
  refused({ "x-hasura-default-role": "user", "x-hasura-allowed-roles": ["user"], "x-hasura-level": 3 });
});
