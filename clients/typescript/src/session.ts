/** Somebody who is signed in. */
export interface User {
  id: string;
  username: string;
  displayName: string | null;
  email: string | null;
  roles: string[];
}

/** Who is signed in; unknown until the server has been asked. */
export type State = { status: "unknown" } | { status: "signedOut" } | { status: "signedIn"; user: User };

/** What the person who fills in the form can act on. */
export interface UserError {
  code: UserErrorCode | (string & {});
  /** For a person. */
  message: string;
  /** The path into the input, such as `["input", "password"]`. */
  field: string[] | null;
  /** With RATE_LIMITED: how many seconds to wait. */
  retryAfter: number | null;
}

export type UserErrorCode =
  | "INVALID_CREDENTIALS"
  | "INVALID_REFRESH_TOKEN"
  | "ACCOUNT_DISABLED"
  | "RATE_LIMITED"
  | "USERNAME_TAKEN"
  | "USERNAME_INVALID"
  | "EMAIL_INVALID"
  | "PASSWORD_TOO_SHORT"
  | "PASSWORD_TOO_LONG"
  | "PASSWORD_TOO_WEAK"
  | "REGISTRATION_CLOSED";

/** Either somebody is signed in, or there is something to tell them. */
export type Outcome = { user: User; errors: [] } | { user: null; errors: [UserError, ...UserError[]] };

/** The server's answer to every way to sign in. */
export interface Payload {
  accessToken: string | null;
  refreshToken: string | null;
  expiresIn: number | null;
  user: User | null;
  errors: UserError[];
}

/** What a page knows of the session. Times are of this device's clock, in milliseconds. */
export interface Session {
  accessToken: string;
  /** From when on it is better to have another access token. */
  refreshAt: number;
  expiresAt: number;
  user: User;
}

/** How long before its expiry an access token is replaced: it still has to travel. */
const MARGIN_MS = 30_000;

/**
 * The session of a payload. Its times come from how long the token still lives, counted from before the
 * question was sent, so that it does not matter what the two clocks show.
 */
export function sessionOf(payload: Payload, askedAt: number): Session | null {
  const { accessToken, expiresIn, user } = payload;
  if (accessToken === null || expiresIn === null || user === null) return null;
  const lives = expiresIn * 1000;
  const expiresAt = askedAt + lives;
  return { accessToken, refreshAt: expiresAt - Math.min(MARGIN_MS, lives / 4), expiresAt, user };
}

export function stateOf(session: Session | null | undefined): State {
  if (session === undefined) return { status: "unknown" };
  return session ? { status: "signedIn", user: session.user } : { status: "signedOut" };
}
