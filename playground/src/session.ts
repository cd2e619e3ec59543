import { createPortcullis, type Outcome, type Portcullis, PortcullisError, type State } from "@portcullis/client";

import { endpoint } from "./endpoint";

// A reload keeps who signs in with a cookie, which no script can read. Where there are no cookies, and for sessions
// that an operation in the editor has opened, the refresh token is in memory, and goes with the page.
const cookie = createPortcullis({ url: endpoint });
const memory = createPortcullis({ url: endpoint, delivery: "body" });

/** The session that the page's requests belong to. */
export const session = () => (isSignedIn(memory) ? memory : cookie);

const isSignedIn = ({ state }: Portcullis) => state.status === "signedIn";

export const currentState = (): State => session().state;

export function subscribe(listener: () => void) {
  const stops = [cookie.onChange(listener), memory.onChange(listener)];
  return () => stops.forEach((stop) => stop());
}

export type Way = "login" | "register";

let cookiesWork: boolean | undefined;

/** Signs in, by cookie where the server and the browser have it so. */
export async function signIn(way: Way, input: { username: string; password: string }): Promise<Outcome> {
  if (cookiesWork !== false) {
    try {
      const outcome = await cookie[way](input);
      if (!outcome.user) return outcome;
      cookiesWork ??= await keepsCookie();
      return cookiesWork ? outcome : memory.login(input);
    } catch (error) {
      // The server gives no cookies (`http.cookies`).
      if (!(error instanceof PortcullisError && error.code === "BAD_USER_INPUT")) throw error;
      cookiesWork = false;
    }
  }
  return memory[way](input);
}

/** Whether the browser keeps the cookie of a sign-in: some do not where there is no TLS. If not, the session ends. */
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

/** Takes over the session of an answer to an operation in the editor. */
export async function adopt(accessToken: string, refreshToken: unknown) {
  const claims = claimsOf(accessToken);
  if (!claims) return;
  const { sub, sid, username, roles, iat, exp } = claims;
  // Who did not ask for the refresh token has one in the cookie only where the cookie's session goes on.
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

/** What an access token of ours says, unverified: it is only shown, and the server judges the token. */
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
