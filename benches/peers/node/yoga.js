// graphql-yoga with jose: `yoga.js PORT ACCOUNTS DATABASE`.

import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import { SignJWT, exportJWK, generateKeyPair, jwtVerify } from "jose";
import { openAccounts } from "./accounts.js";
import {
  ACCESS_SECONDS, AUDIENCE, ISSUER, KEY_ID, REFRESH_SECONDS, bearer, claimsOf, makeResolvers, typeDefs,
} from "./schema.js";

const [port, file, database] = process.argv.slice(2);
const { privateKey, publicKey } = await generateKeyPair("Ed25519");
const jwks = JSON.stringify({
  keys: [{ ...(await exportJWK(publicKey)), alg: "EdDSA", use: "sig", kid: KEY_ID }],
});

function sign(claims, typ, seconds) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ ...claims, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + seconds })
    .setProtectedHeader({ alg: "EdDSA", typ, kid: KEY_ID })
    .sign(privateKey);
}

async function verify(token, typ) {
  if (!token) return undefined;
  try {
    const options = { algorithms: ["EdDSA"], issuer: ISSUER, audience: AUDIENCE, typ };
    return (await jwtVerify(token, publicKey, options)).payload;
  } catch {
    return undefined;
  }
}

const tokens = {
  issue: (account, sid) => {
    const [access, refresh] = claimsOf(account, sid);
    return Promise.all([sign(access, "at+jwt", ACCESS_SECONDS), sign(refresh, "rt+jwt", REFRESH_SECONDS)]);
  },
  verifyRefresh: (token) => verify(token, "rt+jwt"),
};

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers: makeResolvers(openAccounts(file, database), tokens) }),
  context: async ({ request }) => ({ caller: await verify(bearer(request.headers.get("authorization")), "at+jwt") }),
  graphiql: false,
  landingPage: false,
  logging: false,
});
const server = createServer((request, response) => {
  switch (request.url) {
    case "/readyz":
      return response.setHeader("content-length", 0).end();
    case "/.well-known/jwks.json":
      return response
        .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(jwks) })
        .end(jwks);
    default:
      return yoga(request, response);
  }
});
server.listen(Number(port), "127.0.0.1");
