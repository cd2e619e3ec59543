// Fastify with mercurius and its compiler (JIT), and fast-jwt with its cache: `mercurius.js PORT ACCOUNTS DATABASE`.

import { generateKeyPairSync } from "node:crypto";
import { createSigner, createVerifier } from "fast-jwt";
import Fastify from "fastify";
import mercurius from "mercurius";
import { openAccounts } from "./accounts.js";
import {
  ACCESS_SECONDS, AUDIENCE, ISSUER, KEY_ID, REFRESH_SECONDS, bearer, claimsOf, makeResolvers, typeDefs,
} from "./schema.js";

const [port, file, database] = process.argv.slice(2);
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const jwks = {
  keys: [{ ...publicKey.export({ format: "jwk" }), alg: "EdDSA", use: "sig", kid: KEY_ID }],
};
const pem = {
  private: privateKey.export({ format: "pem", type: "pkcs8" }),
  public: publicKey.export({ format: "pem", type: "spki" }),
};

const signer = (typ, seconds) =>
  createSigner({ key: pem.private, algorithm: "EdDSA", kid: KEY_ID, iss: ISSUER, aud: AUDIENCE,
    expiresIn: seconds * 1000, header: { typ } });
// The cache keeps the claims of verified tokens until they expire. Refresh tokens come once, so theirs has no cache.
const verifier = (checkTyp, cache) =>
  createVerifier({ key: pem.public, algorithms: ["EdDSA"], allowedIss: ISSUER, allowedAud: AUDIENCE, checkTyp, cache });
const signAccess = signer("at+jwt", ACCESS_SECONDS);
const signRefresh = signer("rt+jwt", REFRESH_SECONDS);
const verifyAccess = verifier("at+jwt", 10_000);
const verifyRefreshToken = verifier("rt+jwt", false);

function attempt(verify, token) {
  try {
    return token && verify(token);
  } catch {
    return undefined;
  }
}

const tokens = {
  issue: (account, sid) => {
    const [access, refresh] = claimsOf(account, sid);
    return [signAccess(access), signRefresh(refresh)];
  },
  verifyRefresh: (token) => attempt(verifyRefreshToken, token),
};

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: makeResolvers(openAccounts(file, database), tokens),
  jit: 1,
  context: (request) => ({ caller: attempt(verifyAccess, bearer(request.headers.authorization)) }),
});
app.get("/readyz", (_, reply) => reply.send());
app.get("/.well-known/jwks.json", () => jwks);
await app.listen({ port: Number(port), host: "127.0.0.1" });
