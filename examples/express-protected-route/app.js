import express from "express";
import { errors, jwtVerify } from "jose";

import { createStatusCheck } from "./status.js";

/**
 * Creates the application. `keys` finds the key of a token; `expected` has the required issuer and audience; `isRevoked`
 * checks the claims of a token whose signature is valid.
 */
export function createApp(keys, expected, isRevoked = createStatusCheck(keys)) {
  const app = express();

  app.get("/api/protected-route", authenticate(keys, expected, isRevoked), (req, res) => {
    res.send("Welcome to the protected route!");
  });

  app.use((error, req, res, next) => {
    console.error(error);
    res.status(503).json({ message: "Try again later" });
  });

  return app;
}

/** Accepts only requests with a valid access token, and puts its claims into `req.user`. */
function authenticate(keys, expected, isRevoked) {
  return async (req, res, next) => {
    const [, token] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? "") ?? [];
    if (!token) return reject(res, "Unauthorized");
    try {
      const { payload } = await jwtVerify(token, keys, {
        ...expected,
        typ: "at+jwt",
        requiredClaims: ["exp", "sub"],
      });
      if (await isRevoked(payload)) return reject(res, "Invalid token");
      req.user = payload;
    } catch (error) {
      // If the keys or the status list are unavailable, the token may still be valid: that is a 503, not a 401.
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
