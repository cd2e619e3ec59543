/** The signed-in user. */
export interface User {
  id: string;
  username: string;
  displayName: string | null;
  email: string | null;
  roles: string[];
}

/** The sign-in state of the page; `unknown` until the first response of the server. */
export type State = { status: "unknown" } | { status: "signedOut" } | { status: "signedIn"; user: User };

/** An error that the user can correct, for example in a form. */
export interface UserError {
  code: UserErrorCode | (string & {});
  /** A text for the user. */
  message: string;
  /** The path of the invalid input, such as `["input", "password"]`. */
  field: string[] | null;
  /** With RATE_LIMITED: the number of seconds to wait. */
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
  | "EMAIL_TAKEN"
  | "EMAIL_NOT_VERIFIED"
  | "INVALID_CHALLENGE"
  | "INVALID_CODE"
  | "SECOND_FACTOR_REQUIRED"
  | "PASSKEY_REJECTED"
  | "LIMIT_REACHED"
  | "LAST_LOGIN_METHOD"
  | "PASSWORD_TOO_SHORT"
  | "PASSWORD_TOO_LONG"
  | "PASSWORD_TOO_WEAK"
  | "REGISTRATION_CLOSED";

/** A code in a message, with the challenge of what has sent it. */
export interface EmailCode {
  challenge: string;
  code: string;
}

/**
 * A proof of a second factor: a code of the authenticator app, a recovery code, a passkey (`getPasskey` with the
 * `passkeyOptions` of the outcome), or the code in a message.
 */
export type SecondFactor =
  | { totp: string }
  | { recoveryCode: string }
  | { passkey: AuthenticationResponseJSON }
  | { emailCode: EmailCode };

/** A way to prove who a user is. */
export type AuthenticationMethod = "PASSWORD" | "EMAIL_CODE" | "EMAIL_LINK" | "TOTP" | "RECOVERY_CODE" | "PASSKEY";

/** Errors to show to the user. */
export type UserErrors = [UserError, ...UserError[]];

/**
 * The result of a sign-in: the user, or the errors to show. With the error SECOND_FACTOR_REQUIRED, `challenge` goes
 * with the second factor, and `methods` are the ways to prove one, the strongest first; `passkeyOptions` are for
 * `getPasskey`, and null if the account has no passkey. If the account must have a factor and has none, `enrolment` is
 * the authenticator app to add: its first code is the second factor, and the next outcome has the `recoveryCodes` to
 * show to the user. With the error EMAIL_NOT_VERIFIED, a message was sent, and
 * `challenge` goes with its code; it is null if too many messages were sent.
 */
export type Outcome =
  | {
      user: User;
      errors: [];
      challenge: null;
      methods: [];
      passkeyOptions: null;
      enrolment: null;
      recoveryCodes: string[] | null;
    }
  | {
      user: null;
      errors: UserErrors;
      challenge: string | null;
      methods: AuthenticationMethod[];
      passkeyOptions: PublicKeyCredentialRequestOptionsJSON | null;
      enrolment: Enrolment | null;
      recoveryCodes: null;
    };

/** The authenticator app that a user must add to sign in. */
export interface Enrolment {
  /** The secret in base32, for typing. */
  secret: string;
  /** The secret as an otpauth URI, for a QR code. */
  uri: string;
}

/** What the server needs to know who a user is: the second step of a sign-in, or another proof of a signed-in user. */
export interface Step {
  /** The ways to prove it, the strongest first. */
  methods: AuthenticationMethod[];
  /** Goes with the proof; null if none of the ways needs it. */
  challenge: string | null;
  /** The options for `getPasskey`; null if the account has no passkey. */
  passkeyOptions: PublicKeyCredentialRequestOptionsJSON | null;
  /** The authenticator app that the user must add first. */
  enrolment?: Enrolment | null;
}

/** The server's challenge to prove another factor. */
interface LoginChallenge {
  token: string;
  methods: AuthenticationMethod[];
  passkeyOptions: PublicKeyCredentialRequestOptionsJSON | null;
  enrolment: Enrolment | null;
}

/** The server's payload of every operation that signs in. */
export interface Payload {
  accessToken: string | null;
  refreshToken: string | null;
  expiresIn: number | null;
  user: User | null;
  challenge?: LoginChallenge | null;
  recoveryCodes?: string[] | null;
  errors: UserError[];
}

/** The outcome of a sign-in that has not opened a session. */
export function refusal(errors: UserErrors, challenge?: LoginChallenge | null): Outcome {
  const { token = null, methods = [], passkeyOptions = null, enrolment = null } = challenge ?? {};
  return { user: null, errors, challenge: token, methods, passkeyOptions, enrolment, recoveryCodes: null };
}

/** The session as the page knows it. Times are in milliseconds of this device's clock. */
export interface Session {
  accessToken: string;
  /** The time from which the access token should be replaced. */
  refreshAt: number;
  expiresAt: number;
  user: User;
}

/** The time before its expiry at which an access token is replaced, because requests need time to arrive. */
const MARGIN_MS = 30_000;

/**
 * The session of a payload. Its times are computed from `expiresIn` and the time before the request was sent, so the
 * clocks of device and server may differ.
 */
export function sessionOf(payload: Payload, sentAt: number): Session | null {
  const { accessToken, expiresIn, user } = payload;
  if (accessToken === null || expiresIn === null || user === null) return null;
  const lifetime = expiresIn * 1000;
  const expiresAt = sentAt + lifetime;
  return { accessToken, refreshAt: expiresAt - Math.min(MARGIN_MS, lifetime / 4), expiresAt, user };
}

export function stateOf(session: Session | null | undefined): State {
  if (session === undefined) return { status: "unknown" };
  return session ? { status: "signedIn", user: session.user } : { status: "signedOut" };
}
