import {
  ACCEPT_INVITATION,
  ADD_PASSKEY,
  CHANGE_PASSWORD,
  LOGIN,
  LOGIN_WITH_EMAIL,
  LOGIN_WITH_PASSKEY,
  type NamedDocument,
  REAUTHENTICATE,
  REGISTER,
  REGISTER_WITH_PASSKEY,
  REQUEST_EMAIL_VERIFICATION,
  REQUEST_LOGIN_EMAIL,
  REQUEST_PASSWORD_RESET,
  REQUEST_SECOND_FACTOR_EMAIL,
  RESET_PASSWORD,
  START_PASSKEY,
  START_PASSKEY_LOGIN,
  START_PASSKEY_REGISTRATION,
  START_REAUTHENTICATION,
  type TypedDocument,
  UNDO_EMAIL_CHANGE,
  VERIFY_EMAIL,
  VERIFY_SECOND_FACTOR,
} from "./document.js";
import { type ChallengePayload, type EmailProof, type EmailRequest, requestOf } from "./email.js";
import type { PortcullisOptions, RequestArguments } from "./options.js";
import {
  enrol,
  type PasskeyLoginOptions,
  type PasskeyOutcome,
  type PasskeyPayload,
  proveByAutofill,
  proveByDialog,
  type StartPayload,
} from "./passkeys.js";
import { dataOf, errorOf, type GraphQLResult } from "./result.js";
import {
  type Outcome,
  refusal,
  type SecondFactor,
  type State,
  type Step,
  type User,
  type UserError,
} from "./session.js";
import { SessionManager } from "./session-manager.js";

/** Creates a client that signs users in to a Portcullis server and keeps them signed in. */
export function createPortcullis(options: PortcullisOptions): Portcullis {
  return new Portcullis(options);
}

/** The session of a page. All methods throw `PortcullisError`. */
export class Portcullis {
  /** The URL of the server's GraphQL endpoint. */
  readonly url: string;
  readonly #session: SessionManager;

  constructor(options: PortcullisOptions) {
    this.url = options.url;
    this.#session = new SessionManager(options);
  }

  /** The sign-in state that this page knows. It is the same object until it changes. */
  get state(): State {
    return this.#session.state;
  }

  /** Calls the listener after every change, also from another tab. Returns a function that removes the listener. */
  onChange(listener: (state: State) => void): () => void {
    return this.#session.onChange(listener);
  }

  /** Restores the session at the start of a page. Throws if the server is unavailable; then try again. */
  async restore(): Promise<State> {
    await this.accessToken();
    return this.state;
  }

  /**
   * Creates an account and signs the user in. With the error EMAIL_NOT_VERIFIED the account may exist, and its user
   * signs in after `verifyEmail` with the link, or with the `challenge` and the code.
   */
  register(input: { username: string; password: string; email?: string; displayName?: string }): Promise<Outcome> {
    return this.#session.open(REGISTER, input);
  }

  /** Creates an account without a password, whose user signs in with the passkey that the browser creates. */
  async registerWithPasskey(input: {
    username: string;
    email?: string;
    displayName?: string;
    passkeyName?: string;
  }): Promise<Outcome> {
    const { passkeyName: _, ...account } = input;
    const outcome = await enrol(
      () => this.#anonymous<Creation>(START_PASSKEY_REGISTRATION, { input: account }),
      (proof) => this.#session.open(REGISTER_WITH_PASSKEY, { ...input, ...proof }),
    );
    return "user" in outcome ? outcome : refusal(outcome.errors);
  }

  /** Signs in. */
  login(input: { username: string; password: string }): Promise<Outcome> {
    return this.#session.open(LOGIN, input);
  }

  /** Signs in with a passkey. No username is needed. */
  async loginWithPasskey({ mediation, signal }: PasskeyLoginOptions = {}): Promise<Outcome> {
    const start = () => this.#anonymous<Request>(START_PASSKEY_LOGIN, {});
    const proof = await (mediation === "conditional" ? proveByAutofill(start, signal) : proveByDialog(start, signal));
    return "errors" in proof ? refusal(proof.errors) : this.#session.open(LOGIN_WITH_PASSKEY, proof);
  }

  /**
   * Completes a sign-in that ended with the error SECOND_FACTOR_REQUIRED, with the `challenge` of its outcome. With the
   * error INVALID_CHALLENGE, the user starts again. With `trustDevice`, and if the server permits it, the next sign-ins in
   * this browser need no second factor; only the delivery by cookie supports this.
   */
  verifySecondFactor(input: { challenge: string; factor: SecondFactor; trustDevice?: boolean }): Promise<Outcome> {
    return this.#session.open(VERIFY_SECOND_FACTOR, input);
  }

  /** Requests a message with a code as a second factor, if the `methods` of the sign-in have EMAIL_CODE. */
  requestSecondFactorEmail(input: { challenge: string }): Promise<EmailRequest> {
    return this.#requestMessage(REQUEST_SECOND_FACTOR_EMAIL, input);
  }

  /**
   * Changes the password, which ends every other session of the account. Without `currentPassword`, it sets the first
   * password of an account, after a recent login.
   */
  changePassword(input: { currentPassword?: string; newPassword: string }): Promise<Outcome> {
    return this.#session.continue(CHANGE_PASSWORD, input);
  }

  /** Creates a passkey and adds it to the account of the user. It needs a recent login. */
  async addPasskey(input: { name?: string } = {}): Promise<PasskeyOutcome> {
    const payload = await enrol(
      () => this.#signedIn<Creation>(START_PASSKEY),
      (proof) => this.#signedIn<PasskeyPayload>(ADD_PASSKEY, { input: { ...input, ...proof } }),
    );
    const [first, ...others] = payload.errors;
    if (first) return { passkey: null, recoveryCodes: null, errors: [first, ...others] };
    if (!("passkey" in payload) || !payload.passkey) throw errorOf({});
    return { passkey: payload.passkey, recoveryCodes: payload.recoveryCodes, errors: [] };
  }

  /** Returns the ways in which the user can authenticate again, or the errors to show. */
  startReauthentication(): Promise<Step & { errors: UserError[] }> {
    return this.#signedIn(START_REAUTHENTICATION);
  }

  /**
   * Proves again that the user is who they are, and continues the session with new tokens. A passkey goes with the
   * `challenge` of `startReauthentication`. Call it in the option `stepUp`, or when an operation fails with an error
   * that has `requiresRecentLogin`, and repeat the operation then.
   */
  reauthenticate(input: { proof: { password: string } | SecondFactor; challenge?: string | null }): Promise<Outcome> {
    const { challenge, proof: given } = input;
    const proof = "passkey" in given ? { passkey: { challenge, credential: given.passkey } } : given;
    return this.#session.continue(REAUTHENTICATE, { proof, delivery: this.#session.delivery });
  }

  /**
   * Requests a message that verifies an address. Without an address it is that of the signed-in user which is not
   * verified yet.
   */
  requestEmailVerification(input?: { email: string }): Promise<EmailRequest> {
    return this.#requestMessage(REQUEST_EMAIL_VERIFICATION, input ?? null);
  }

  /** Verifies an address. The user need not be signed in, and is not signed in by it. Returns the errors to show. */
  verifyEmail(input: { proof: EmailProof }): Promise<{ errors: UserError[] }> {
    return this.#anonymous(VERIFY_EMAIL, { input });
  }

  /** Requests a message with which the user sets a new password. */
  requestPasswordReset(input: { email: string }): Promise<EmailRequest> {
    return this.#requestMessage(REQUEST_PASSWORD_RESET, input);
  }

  /** Sets a new password, ends every session of the account, and signs in. */
  resetPassword(input: { proof: EmailProof; newPassword: string }): Promise<Outcome> {
    return this.#session.open(RESET_PASSWORD, input);
  }

  /** Requests a message with which the user signs in, if the server permits it (`accounts.email_sign_in`). */
  requestLoginEmail(input: { email: string }): Promise<EmailRequest> {
    return this.#requestMessage(REQUEST_LOGIN_EMAIL, input);
  }

  /** Signs in with the link or the code of a message. */
  loginWithEmail(input: { proof: EmailProof }): Promise<Outcome> {
    return this.#session.open(LOGIN_WITH_EMAIL, input);
  }

  /** Sets the password of an account to which an administrator has invited the user, and signs in. */
  acceptInvitation(input: { token: string; password: string; username?: string }): Promise<Outcome> {
    return this.#session.open(ACCEPT_INVITATION, input);
  }

  /** Restores the previous address of an account, and ends all its sessions. Returns the errors to show. */
  undoEmailChange(input: { token: string }): Promise<{ errors: UserError[] }> {
    return this.#anonymous(UNDO_EMAIL_CHANGE, { input });
  }

  /**
   * Adopts a session that an operation of your own has opened or refreshed, from the server's `AuthPayload`. With body
   * delivery, pass its `refreshToken`; with cookie delivery, the cookie already has it.
   */
  adopt(payload: {
    accessToken: string;
    refreshToken?: string | null;
    expiresIn: number;
    user: User;
  }): Promise<void> {
    return this.#session.adopt({ ...payload, refreshToken: payload.refreshToken ?? null, errors: [] });
  }

  /**
   * Signs out in all tabs. Throws if the server is unavailable; the session then continues, because only the server
   * can end it.
   */
  logout(): Promise<void> {
    return this.#session.logout();
  }

  /**
   * Returns a valid access token, or null if the user is signed out. Refreshes if necessary, once for all callers in
   * all tabs. Throws if the server is unavailable and the current token has expired.
   */
  accessToken(): Promise<string | null> {
    return this.#session.accessToken();
  }

  /** Returns the same as `accessToken`, but never calls the server: returns undefined if a refresh is necessary. */
  peek(): string | null | undefined {
    return this.#session.peek();
  }

  /** The expiry of the current access token by this device's clock; null if there is none. */
  get expiresAt(): Date | null {
    return this.#session.expiresAt;
  }

  /** Returns the access token that replaces one that a server has rejected; null if the user is signed out. */
  renew(refused: string): Promise<string | null> {
    return this.#session.renew(refused);
  }

  /**
   * Returns the access token with which to repeat an operation that the server has refused with `token`: after a
   * refresh if it has rejected the token, and after a step-up (the option `stepUp`) if the login was too old. Null if
   * the operation cannot be repeated.
   */
  tokenToRepeat(result: GraphQLResult, token: string | null, isMutation: boolean): Promise<string | null> {
    return this.#session.tokenToRepeat(result, token, isMutation);
  }

  /** Executes an operation and returns its data. Throws the errors of the result, together with its data. */
  async request<Data, Variables extends object = object>(
    document: TypedDocument<Data, Variables> | NamedDocument,
    ...rest: RequestArguments<Variables>
  ): Promise<Data> {
    return dataOf(await this.execute(document, ...rest));
  }

  /** Executes an operation and returns its result unchanged, with data and errors. */
  execute<Data, Variables extends object = object>(
    document: TypedDocument<Data, Variables> | NamedDocument,
    ...[variables, options]: RequestArguments<Variables>
  ): Promise<GraphQLResult<Data>> {
    const sent = typeof document === "object" && "id" in document ? document : document.toString();
    return this.#session.execute<Data>(sent, variables ?? {}, options?.signal);
  }

  /** Disconnects from the other tabs and removes all listeners. The session does not end. */
  close() {
    this.#session.close();
  }

  async #requestMessage(document: string, input: object | null): Promise<EmailRequest> {
    const request = requestOf(await this.#signedIn<ChallengePayload>(document, { input }));
    if (!request) throw errorOf({});
    return request;
  }

  /** Executes an operation of this client with the access token, if there is one. */
  async #signedIn<Payload>(document: string, variables: object = {}): Promise<Payload> {
    return dataOf(await this.#session.authorized<{ payload: Payload }>(document, variables)).payload;
  }

  /** Executes an operation of this client that needs no session and opens none. */
  async #anonymous<Payload>(document: string, variables: object): Promise<Payload> {
    return dataOf(await this.#session.anonymous<{ payload: Payload }>(document, variables)).payload;
  }
}

type Creation = StartPayload<PublicKeyCredentialCreationOptionsJSON>;
type Request = StartPayload<PublicKeyCredentialRequestOptionsJSON>;
