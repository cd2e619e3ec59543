import express from "express";
import { errors, jwtVerify } from "jose";

/** The application. `keys` finds the key that a token names, `expected` is what its claims must say. */
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

/** Lets a request pass that bears a token, with the token's claims in `req.user`. */
function authenticate(keys, expected) {
  return async (req, res, next) => {
    const [, token] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? "") ?? [];
    if (!token) return refuse(res, "Unauthorized");
    try {
      const { payload } = await jwtVerify(token, keys, {
        ...expected,
        typ: "at+jwt",
        requiredClaims: ["exp", "sub"],
      });
      req.user = payload;
    } catch (error) {
      // Nobody's token is wrong because the keys cannot be had.
      return isTokenAtFault(error) ? refuse(res, "Invalid token") : next(error);
    }
    next();
  };
}

function refuse(res, message) {
  res.set("WWW-Authenticate", "Bearer").status(401).json({ message });
}

function isTokenAtFault(error) {
  return error instanceof errors.JOSEError && !["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT"].includes(error.code);
}
