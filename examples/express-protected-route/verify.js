import { createRemoteJWKSet, jwtVerify } from "jose";

const issuer = process.env.ISSUER ?? "http://127.0.0.1:4000";
const token = process.argv[2];

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
const { payload } = await jwtVerify(token, keys, { issuer, audience: "portcullis", typ: "at+jwt" });
console.log(payload.sub); // user_01h455vb4pex5vsknk084sn02q
console.log(payload.scope); // users:read users:write
