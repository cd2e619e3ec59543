import express from "express";
import { errors, jwtVerify } from "jose";

/** Creates the application. `keys` finds the key of a token; `expected` has the required issuer and audience. */
export function createApp(keys, expected) {
  const app = express();

  app.get("/api/protected-route", authenticate(keys, expected), (req, res) => {
    res.send("Welcome to the protected route!");
  });

  app.use((error, req, res, next) => {
    console.error(error);
    res.status(503).json({ message: "Try again later" });
  });

  return app;
}

/** Accepts only requests with a valid access token, and puts its claims into `req.user`. */
function authenticate(keys, expected) {
  return async (req, res, next) => {
    const [, token] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? "") ?? [];
    if (!token) return reject(res, "Unauthorized");
    try {
      const { payload } = await jwtVerify(token, keys, {
        ...expected,
        typ: "at+jwt",
        requiredClaims: ["exp", "sub"],
      });
      req.user = payload;
    } catch (error) {
      // If the keys are unavailable, the token may still be valid: that is a 503, not a 401.
      return isTokenInvalid(error) ? reject(res, "Invalid token") : next(error);
    }
    next();
  };
}

function reject(res, message) {
  res.set("WWW-Authenticate", "Bearer").status(401).json({ message });
}

function isTokenInvalid(error) {
  return error instanceof errors.JOSEError && !["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT"].includes(error.code);
}
