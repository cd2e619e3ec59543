// Authenticators for tests: Chromium's virtual authenticator for passkeys, and codes of an authenticator app.

import { execFileSync } from "node:child_process";

/**
 * Adds a virtual authenticator to a page, by the Chrome DevTools Protocol (WebAuthn Level 3 §11). Its user is present
 * and verified unless `options` say something else.
 */
export async function addAuthenticator(page, options = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const device = {
    protocol: "ctap2",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
    ...options,
  };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: device });
  const send = (command, parameters = {}) => cdp.send(`WebAuthn.${command}`, { authenticatorId, ...parameters });
  return {
    /** The passkeys, with their private keys and counters. */
    credentials: async () => (await send("getCredentials")).credentials,
    /** Adds a passkey that another authenticator has had. */
    add: (credential) => send("addCredential", { credential }),
    clear: () => send("clearCredentials"),
    /** Whether the authenticator recognises its user from now on. */
    verifyUser: (isUserVerified) => send("setUserVerified", { isUserVerified }),
    /** Whether its user touches it when a page asks for a passkey. */
    touch: (enabled) => send("setAutomaticPresenceSimulation", { enabled }),
    /** Makes its responses wrong: without the flag of a verified user (`isBadUV`), or with a wrong signature. */
    override: (bits) => send("setResponseOverrideBits", bits),
    remove: () => send("removeVirtualAuthenticator"),
  };
}

/** The code of an authenticator app, now or at another time. oathtool makes it, which knows nothing of the server. */
export const totp = (secret, when = "now") =>
  execFileSync("oathtool", ["--totp", "--base32", `--now=${when}`, secret], { encoding: "utf8" }).trim();
