import {
  createPortcullis,
  createStepUp,
  type EmailProof,
  type Outcome,
  type PasskeyLoginOptions,
  type Portcullis,
  PortcullisError,
  type SecondFactor,
  type State,
} from "@portcullis/client";

import { endpoint } from "./endpoint";

/** The dialog in which the user authenticates again. */
export const stepUp = createStepUp();

// With the cookie, which no script can read, the user stays signed in after a reload. Without cookies, and for sessions
// opened by an operation in the editor, the refresh token is in memory and is lost with the page.
const cookie = createPortcullis({ url: endpoint, stepUp: stepUp.ask });
const memory = createPortcullis({ url: endpoint, stepUp: stepUp.ask, delivery: "body" });

/** The session of the page's requests. */
export const session = () => (isSignedIn(memory) ? memory : cookie);

const isSignedIn = ({ state }: Portcullis) => state.status === "signedIn";

export const currentState = (): State => session().state;

export function subscribe(listener: () => void) {
  const stops = [cookie.onChange(listener), memory.onChange(listener)];
  return () => stops.forEach((stop) => stop());
}

let cookiesWork: boolean | undefined;

/** Signs in with a username and a password. */
export const signIn = (way: "login" | "register", input: { username: string; password: string; email?: string }) =>
  signInBy((client) => client[way](input), input.password);

/** Sets a new password with the code of a message, and signs in. */
export const resetPassword = (proof: EmailProof, newPassword: string) =>
  signInBy((client) => client.resetPassword({ proof, newPassword }), newPassword);

/** Signs in with a passkey, in a dialog of the browser or in the autofill of a form. */
export const signInWithPasskey = (options?: PasskeyLoginOptions) =>
  signInBy((client) => client.loginWithPasskey(options));

/** Completes a sign-in with a second factor. */
export const verifySecondFactor = (input: { challenge: string; factor: SecondFactor }) =>
  signInBy((client) => client.verifySecondFactor(input));

/** Requests a message with a code as a second factor. */
export const requestSecondFactorEmail = (challenge: string) => cookie.requestSecondFactorEmail({ challenge });

/** Requests a message with a code to set a new password. */
export const requestPasswordReset = (email: string) => cookie.requestPasswordReset({ email });

/** Verifies an address with the code of a message. */
export const verifyEmail = (proof: EmailProof) => cookie.verifyEmail({ proof });

const NO_COOKIE: Outcome = {
  user: null,
  errors: [
    { code: "", message: "The browser keeps no cookie. Sign in once more.", field: null, retryAfter: null },
  ],
  challenge: null,
  methods: [],
  passkeyOptions: null,
  enrolment: null,
  recoveryCodes: null,
};

/** Signs in, with a cookie if both the server and the browser support it. */
async function signInBy(open: (client: Portcullis) => Promise<Outcome>, password?: string): Promise<Outcome> {
  if (cookiesWork !== false) {
    try {
      const outcome = await open(cookie);
      if (!outcome.user) return outcome;
      cookiesWork ??= await keepsCookie();
      if (cookiesWork) return outcome;
      // A passkey and a code work once, so only a password can be repeated.
      return password === undefined ? NO_COOKIE : memory.login({ username: outcome.user.username, password });
    } catch (error) {
      // The server does not support cookies (`http.cookies`).
      if (!(error instanceof PortcullisError && error.code === "BAD_USER_INPUT")) throw error;
      cookiesWork = false;
    }
  }
  return open(memory);
}

/** Whether the browser kept the cookie of a sign-in; some do not without TLS. If it did not, ends the session. */
async function keepsCookie(): Promise<boolean> {
  const token = await cookie.accessToken();
  if (!token || (await cookie.renew(token))) return true;
  await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: "mutation SignOut { logout { errors { code } } }" }),
  });
  return false;
}

/** Ends all sessions of the page. */
export async function signOut() {
  await leave(cookie);
  await leave(memory);
}

async function leave(client: Portcullis) {
  if (isSignedIn(client)) await client.logout();
}

/** Adopts the session that an operation in the editor has returned. */
export async function adopt(accessToken: string, refreshToken: unknown) {
  const claims = claimsOf(accessToken);
  if (!claims) return;
  const { sub, sid, username, roles, iat, exp } = claims;
  // An operation without `refreshToken` has it in the cookie only if it continued the cookie's session.
  const isOfCookie = refreshToken === null || sid === claimsOf(cookie.peek() ?? "")?.sid;
  if (isOfCookie) await leave(memory);
  await (isOfCookie ? cookie : memory).adopt({
    accessToken,
    refreshToken: typeof refreshToken === "string" ? refreshToken : null,
    expiresIn: exp - iat,
    user: { id: sub, username, displayName: null, email: null, roles },
  });
}

interface Claims {
  sub: string;
  sid: string;
  username: string;
  roles: string[];
  iat: number;
  exp: number;
}

/** The unverified claims of an access token. They are only displayed; the server verifies the token. */
function claimsOf(accessToken: string): Claims | undefined {
  try {
    const [header, payload] = accessToken.split(".").slice(0, 2).map(decode);
    return header.typ === "at+jwt" && payload.sid ? payload : undefined;
  } catch {
    return undefined;
  }
}

function decode(base64url: string) {
  const base64 = base64url.replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))));
}
