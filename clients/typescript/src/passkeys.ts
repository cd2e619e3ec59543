import { errorOf, PortcullisError } from "./result.js";
import type { AuthenticationMethod, SecondFactor, Step, UserError, UserErrors } from "./session.js";

/** A passkey of the user. */
export interface Passkey {
  id: string;
  name: string;
}

/**
 * The result of a new passkey: the passkey, or the errors to show. `recoveryCodes` are new codes, which the user sees
 * this once; null if the account already has codes.
 */
export type PasskeyOutcome =
  | { passkey: Passkey; recoveryCodes: string[] | null; errors: [] }
  | { passkey: null; recoveryCodes: null; errors: UserErrors };

export interface PasskeyLoginOptions {
  /**
   * How the browser offers the passkeys. With "conditional", they are in the autofill of an input with
   * `autocomplete="username webauthn"`, and the promise waits until the user chooses one. Default: in a dialog.
   */
  mediation?: "conditional";
  /** Ends the wait for the user. */
  signal?: AbortSignal;
}

/** The server's payload of `addPasskey`. */
export interface PasskeyPayload {
  passkey: Passkey | null;
  recoveryCodes: string[] | null;
  errors: UserError[];
}

/** The server's payload of every operation that starts the use or the creation of a passkey. */
export interface StartPayload<Options> {
  challenge: string | null;
  options: Options | null;
  errors: UserError[];
}

type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
type RequestOptions = PublicKeyCredentialRequestOptionsJSON;

/** The response of an authenticator and its challenge, as inputs have them. */
export interface Proof<Response> {
  challenge: string;
  credential: Response;
}

/** The errors of an operation that has started nothing. */
interface Refusal {
  errors: UserErrors;
}

/** The maximum time that autofill waits with one challenge, which expires after 10 minutes. */
const AUTOFILL_MS = 9 * 60_000;

/** The request of autofill that waits for the user. A page can have one request, so a dialog interrupts it. */
let autofill: AbortController | undefined;
/** The end of the newest dialog. It never fails. */
let dialog: Promise<unknown> = Promise.resolve();

/** Whether the browser supports passkeys. */
export const supportsPasskeys = () =>
  typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

/** Asks the user for a passkey, in a dialog of the browser. */
export function getPasskey(options: RequestOptions, signal?: AbortSignal): Promise<AuthenticationResponseJSON> {
  return inDialog(() => get(options, { ...(signal && { signal }) }), signal);
}

/**
 * Makes a proof of what the user has typed. For a passkey, it asks the user in a dialog of the browser. For a code by
 * e-mail, `challenge` is that of `requestSecondFactorEmail` or `startReauthentication`.
 */
export async function proofOf(
  method: AuthenticationMethod,
  typed: string,
  { challenge, passkeyOptions }: Step,
): Promise<SecondFactor | { password: string }> {
  if (method === "PASSKEY" && passkeyOptions) return { passkey: await getPasskey(passkeyOptions) };
  if (method === "TOTP") return { totp: typed };
  if (method === "RECOVERY_CODE") return { recoveryCode: typed };
  if (method === "EMAIL_CODE") return { emailCode: { challenge: challenge ?? "", code: typed } };
  return { password: typed };
}

/** Asks the user to create a passkey, in a dialog of the browser. */
export function createPasskey(
  options: CreationOptions,
  signal?: AbortSignal,
): Promise<RegistrationResponseJSON> {
  return inDialog(async () => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return responseOf<RegistrationResponseJSON>(await navigator.credentials.create({ publicKey, ...(signal && { signal }) }));
  }, signal);
}

/**
 * Creates a passkey and adds it to an account. Then tells the password manager, where the browser can (WebAuthn Signal
 * API): it removes the passkey if the server has refused it, and hides the deleted ones of the account otherwise.
 */
export async function enrol<Payload extends { errors: UserError[] }>(
  start: () => Promise<StartPayload<CreationOptions>>,
  add: (proof: Proof<RegistrationResponseJSON>) => Promise<Payload>,
): Promise<Payload | Refusal> {
  const started = await startedBy(start);
  if ("errors" in started) return started;
  const { challenge, options } = started;
  const { rp, user, excludeCredentials = [] } = options;
  const credential = await createPasskey(options);
  const rpId = rp.id ?? location.hostname;
  const unknown = { rpId, credentialId: credential.id };
  const forget = () => PublicKeyCredential.signalUnknownCredential?.(unknown).catch(() => {});
  const payload = await add({ challenge, credential }).catch((error: unknown) => {
    // Without a response of the server, the passkey may have been added.
    if (error instanceof PortcullisError && error.errors.length > 0) void forget();
    throw error;
  });
  if (payload.errors.some(({ code }) => code === "EMAIL_NOT_VERIFIED")) {
    // The account exists, and its user can sign in once the address is verified.
    return payload;
  }
  if (payload.errors.length > 0) {
    void forget();
  } else {
    const allAcceptedCredentialIds = [...excludeCredentials, credential].map(({ id }) => id);
    const known = { rpId, userId: user.id, allAcceptedCredentialIds };
    void PublicKeyCredential.signalAllAcceptedCredentials?.(known).catch(() => {});
  }
  return payload;
}

/** Starts a sign-in at the server, and asks the user for a passkey. */
export async function proveByDialog(
  start: () => Promise<StartPayload<RequestOptions>>,
  signal?: AbortSignal,
): Promise<Proof<AuthenticationResponseJSON> | Refusal> {
  const started = await startedBy(start);
  if ("errors" in started) return started;
  return { challenge: started.challenge, credential: await getPasskey(started.options, signal) };
}

/** The same with a passkey from autofill. Starts again before the challenge expires, and after each dialog. */
export async function proveByAutofill(
  start: () => Promise<StartPayload<RequestOptions>>,
  signal?: AbortSignal,
): Promise<Proof<AuthenticationResponseJSON> | Refusal> {
  if (!supportsPasskeys() || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) throw unavailable();
  for (;;) {
    await dialog;
    signal?.throwIfAborted();
    const attempt = new AbortController();
    autofill = attempt;
    const timer = setTimeout(() => attempt.abort(), AUTOFILL_MS);
    const either = signal ? AbortSignal.any([signal, attempt.signal]) : attempt.signal;
    try {
      const started = await startedBy(start);
      if ("errors" in started) return started;
      const { challenge, options } = started;
      return { challenge, credential: await get(options, { mediation: "conditional", signal: either }) };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (!attempt.signal.aborted) throw failure(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

async function startedBy<Options>(
  start: () => Promise<StartPayload<Options>>,
): Promise<{ challenge: string; options: Options } | Refusal> {
  const { challenge, options, errors } = await start();
  const [first, ...others] = errors;
  if (first) return { errors: [first, ...others] };
  if (challenge === null || options === null) throw errorOf({});
  return { challenge, options };
}

async function get(options: RequestOptions, request: CredentialRequestOptions) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return responseOf<AuthenticationResponseJSON>(await navigator.credentials.get({ ...request, publicKey }));
}

const responseOf = <Response>(credential: Credential | null) =>
  (credential as PublicKeyCredential).toJSON() as Response;

/** Runs a request that shows a dialog. Autofill ends before, and starts again afterwards. */
async function inDialog<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!supportsPasskeys()) throw unavailable();
  autofill?.abort();
  const asked = run();
  dialog = asked.catch(() => {});
  try {
    return await asked;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw failure(error);
  }
}

const messages: Record<string, string> = {
  NotAllowedError: "No passkey was used. Try again, or choose another way.",
  InvalidStateError: "This device already has a passkey of your account.",
  SecurityError: "Passkeys cannot be used at the address of this page.",
};

/** The error for an exception of the browser. */
function failure(cause: unknown): unknown {
  if (!(cause instanceof DOMException)) return cause;
  const message = messages[cause.name] ?? "The browser could not use a passkey.";
  return new PortcullisError(message, "PASSKEY_UNAVAILABLE", { cause });
}

const unavailable = () =>
  new PortcullisError("This browser does not support passkeys.", "PASSKEY_UNAVAILABLE");
