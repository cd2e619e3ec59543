// Express with Apollo Server, and jsonwebtoken: `apollo.js PORT ACCOUNTS DATABASE`.
//
// jsonwebtoken knows no Ed25519, so the tokens are signed with ES256.

import { generateKeyPairSync } from "node:crypto";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { expressMiddleware } from "@as-integrations/express5";
import express from "express";
import jwt from "jsonwebtoken";
import { openAccounts } from "./accounts.js";
import {
  ACCESS_SECONDS, AUDIENCE, ISSUER, KEY_ID, REFRESH_SECONDS, bearer, claimsOf, makeResolvers, typeDefs,
} from "./schema.js";

const [port, file, database] = process.argv.slice(2);
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = {
  keys: [{ ...publicKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: KEY_ID }],
};

function sign(claims, typ, seconds) {
  return jwt.sign(claims, privateKey, {
    algorithm: "ES256", keyid: KEY_ID, issuer: ISSUER, audience: AUDIENCE, expiresIn: seconds,
    header: { typ },
  });
}

function verify(token, typ) {
  if (!token) return undefined;
  try {
    const options = { algorithms: ["ES256"], issuer: ISSUER, audience: AUDIENCE, complete: true };
    const { header, payload } = jwt.verify(token, publicKey, options);
    return header.typ === typ ? payload : undefined;
  } catch {
    return undefined;
  }
}

const tokens = {
  issue: (account, sid) => {
    const [access, refresh] = claimsOf(account, sid);
    return [sign(access, "at+jwt", ACCESS_SECONDS), sign(refresh, "rt+jwt", REFRESH_SECONDS)];
  },
  verifyRefresh: (token) => verify(token, "rt+jwt"),
};

const apollo = new ApolloServer({
  typeDefs,
  resolvers: makeResolvers(openAccounts(file, database), tokens),
  introspection: false,
  plugins: [ApolloServerPluginLandingPageDisabled()],
});
await apollo.start();
const app = express();
app.use(
  "/graphql",
  express.json(),
  expressMiddleware(apollo, {
    context: async ({ req }) => ({ caller: verify(bearer(req.headers.authorization), "at+jwt") }),
  }),
);
app.get("/readyz", (_, response) => response.end());
app.get("/.well-known/jwks.json", (_, response) => response.json(jwks));
app.listen(Number(port), "127.0.0.1");
