import { createRemoteJWKSet } from "jose";

import { createApp } from "./app.js";

const issuer = process.env.ISSUER ?? "http://127.0.0.1:4000";
const port = process.env.PORT ?? 3000;

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
const app = createApp(keys, { issuer, audience: "portcullis" });
app.listen(port, () => console.log(`http://localhost:${port}/api/protected-route`));
