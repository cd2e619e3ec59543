import { type GraphQLResult, dataOf, errorOf, isTokenRejected, PortcullisError } from "./result.js";
import {
  ACCEPT_INVITATION,
  CHANGE_PASSWORD,
  isMutation,
  LOGIN,
  LOGIN_WITH_EMAIL,
  LOGOUT,
  type NamedDocument,
  REAUTHENTICATE,
  REFRESH,
  REGISTER,
  REQUEST_EMAIL_VERIFICATION,
  REQUEST_LOGIN_EMAIL,
  REQUEST_PASSWORD_RESET,
  RESET_PASSWORD,
  type TypedDocument,
  UNDO_EMAIL_CHANGE,
  VERIFY_EMAIL,
  VERIFY_SECOND_FACTOR,
} from "./document.js";
import { type ChallengePayload, type EmailProof, type EmailRequest, requestOf } from "./email.js";
import { endpoint, type Post } from "./endpoint.js";
import { Listeners } from "./listeners.js";
import {
  type Outcome,
  type Payload,
  type SecondFactor,
  type Session,
  sessionOf,
  type State,
  stateOf,
  type User,
  type UserError,
} from "./session.js";
import { memory, type TokenStorage } from "./storage.js";
import { pause, Tabs } from "./tabs.js";

export type PortcullisOptions = {
  /** The URL of the server's GraphQL endpoint, such as "/graphql". */
  url: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
} & (
  | {
      /** The refresh token is in a cookie that no script can read. */
      delivery?: "cookie";
    }
  | {
      /** The refresh token is in the response, and this object keeps it. */
      delivery: "body";
      /** The storage of the refresh token. Default: memory. */
      storage?: TokenStorage;
    }
);

export interface RequestOptions {
  signal?: AbortSignal;
}

/** The arguments after a document: its variables, which are optional if none is required, and options. */
export type RequestArguments<Variables> = {} extends Variables
  ? [variables?: Variables, options?: RequestOptions]
  : [variables: Variables, options?: RequestOptions];

/** The timeout of an operation that changes the session. All tabs wait for it. */
const SESSION_TIMEOUT_MS = 30_000;

/**
 * The timeout of a refresh, and the deadline of its only repetition. The server repeats a rotation for 10 s
 * (`tokens.refresh_grace`) and treats a later repetition as theft. It may rotate the token as soon as the refresh is
 * sent. Both times therefore start then, and leave a second for the way to the server.
 */
const REFRESH_TIMEOUT_MS = 5_000;
const REFRESH_DEADLINE_MS = 9_000;

/** The minimum time between a refresh and its repetition. A phone that changes networks needs it to reconnect. */
const REFRESH_PAUSE_MS = 1_000;

/** Creates a client that signs users in to a Portcullis server and keeps them signed in. */
export function createPortcullis(options: PortcullisOptions): Portcullis {
  return new Portcullis(options);
}

/** The session of a page. All methods throw `PortcullisError`. */
export class Portcullis {
  /** The URL of the server's GraphQL endpoint. */
  readonly url: string;
  readonly #delivery: "cookie" | "body";
  readonly #refreshTokens: TokenStorage;
  readonly #post: Post;
  readonly #tabs: Tabs;
  readonly #listeners = new Listeners<State>();
  /** Undefined before the first response of the server; null if the user is signed out. */
  #session: Session | null | undefined;
  #state: State = stateOf(undefined);
  #refreshing: Promise<void> | undefined;

  constructor(options: PortcullisOptions) {
    this.url = options.url;
    this.#delivery = options.delivery ?? "cookie";
    this.#refreshTokens = (options.delivery === "body" && options.storage) || memory();
    const credentials = this.#delivery === "cookie" ? "include" : "same-origin";
    this.#post = endpoint(options.url, credentials, options.fetch);
    const shared = this.#delivery === "cookie" ? "cookie" : this.#refreshTokens.shared;
    const name = shared === undefined ? null : `portcullis ${shared} ${options.url}`;
    this.#tabs = new Tabs(name, (session) => this.#setSession(session));
  }

  /** The sign-in state that this page knows. It is the same object until it changes. */
  get state(): State {
    return this.#state;
  }

  /** Calls the listener after every change, also from another tab. Returns a function that removes the listener. */
  onChange(listener: (state: State) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Restores the session at the start of a page. Throws if the server is unavailable; then try again. */
  async restore(): Promise<State> {
    await this.accessToken();
    return this.#state;
  }

  /**
   * Creates an account and signs the user in. With the error EMAIL_NOT_VERIFIED the account may exist, and its user signs
   * in after `verifyEmail` with the link, or with the `challenge` and the code.
   */
  register(input: {
    username: string;
    password: string;
    email?: string;
    displayName?: string;
  }): Promise<Outcome> {
    return this.#signIn(REGISTER, input);
  }

  /** Signs in. */
  login(input: { username: string; password: string }): Promise<Outcome> {
    return this.#signIn(LOGIN, input);
  }

  /**
   * Completes a sign-in that ended with the error SECOND_FACTOR_REQUIRED, with the `challenge` of its outcome. With the
   * error INVALID_CHALLENGE, the user starts again.
   */
  verifySecondFactor(input: { challenge: string; factor: SecondFactor }): Promise<Outcome> {
    return this.#signIn(VERIFY_SECOND_FACTOR, input);
  }

  /** Changes the password, which ends every other session of the account. */
  changePassword(input: { currentPassword: string; newPassword: string }): Promise<Outcome> {
    return this.#continue(CHANGE_PASSWORD, input);
  }

  /**
   * Proves again that the user is who they are, and continues the session with new tokens. Call it when an operation
   * fails with an error that has `requiresRecentLogin`, and repeat the operation.
   */
  reauthenticate(input: { proof: { password: string } | SecondFactor }): Promise<Outcome> {
    return this.#continue(REAUTHENTICATE, { ...input, delivery: this.#delivery.toUpperCase() });
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
    return this.#settle(VERIFY_EMAIL, input);
  }

  /** Requests a message with which the user sets a new password. */
  requestPasswordReset(input: { email: string }): Promise<EmailRequest> {
    return this.#requestMessage(REQUEST_PASSWORD_RESET, input);
  }

  /** Sets a new password, ends every session of the account, and signs in. */
  resetPassword(input: { proof: EmailProof; newPassword: string }): Promise<Outcome> {
    return this.#signIn(RESET_PASSWORD, input);
  }

  /** Requests a message with which the user signs in, if the server permits it (`accounts.email_sign_in`). */
  requestLoginEmail(input: { email: string }): Promise<EmailRequest> {
    return this.#requestMessage(REQUEST_LOGIN_EMAIL, input);
  }

  /** Signs in with the link or the code of a message. */
  loginWithEmail(input: { proof: EmailProof }): Promise<Outcome> {
    return this.#signIn(LOGIN_WITH_EMAIL, input);
  }

  /** Sets the password of an account to which an administrator has invited the user, and signs in. */
  acceptInvitation(input: { token: string; password: string; username?: string }): Promise<Outcome> {
    return this.#signIn(ACCEPT_INVITATION, input);
  }

  /** Restores the previous address of an account, and ends all its sessions. Returns the errors to show. */
  undoEmailChange(input: { token: string }): Promise<{ errors: UserError[] }> {
    return this.#settle(UNDO_EMAIL_CHANGE, input);
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
    const sentAt = Date.now();
    return this.#tabs.exclusive(async () => {
      await this.#accept({ ...payload, refreshToken: payload.refreshToken ?? null, errors: [] }, sentAt);
    });
  }

  /**
   * Signs out in all tabs. Throws if the server is unavailable; the session then continues, because only the server
   * can end it.
   */
  logout(): Promise<void> {
    return this.#tabs.exclusive(async () => {
      const refreshToken = await this.#refreshTokens.read();
      const input = refreshToken === null ? null : { refreshToken };
      dataOf(await this.#send(LOGOUT, { input }, this.#session?.accessToken));
      await this.#end();
    });
  }

  /**
   * Returns a valid access token, or null if the user is signed out. Refreshes if necessary, once for all callers in
   * all tabs. Throws if the server is unavailable and the current token has expired.
   */
  async accessToken(): Promise<string | null> {
    if (this.peek() === undefined) {
      await this.#refresh().catch((error: unknown) => {
        if (!this.#session || this.#session.expiresAt <= Date.now()) throw error;
      });
    }
    return this.#session?.accessToken ?? null;
  }

  /** Returns the same as `accessToken`, but never calls the server: returns undefined if a refresh is necessary. */
  peek(): string | null | undefined {
    const session = this.#session;
    if (session && session.refreshAt <= Date.now()) return undefined;
    return session && session.accessToken;
  }

  /** The expiry of the current access token by this device's clock; null if there is none. */
  get expiresAt(): Date | null {
    return this.#session ? new Date(this.#session.expiresAt) : null;
  }

  /** Returns the access token that replaces one that a server has rejected; null if the user is signed out. */
  async renew(refused: string): Promise<string | null> {
    if (this.#session?.accessToken === refused) await this.#refresh();
    return this.#session?.accessToken ?? null;
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
    return this.#authorized(isMutation(sent), (token) =>
      this.#post<Data>(sent, variables ?? {}, { token, signal: options?.signal }),
    );
  }

  /** Disconnects from the other tabs and removes all listeners. The session does not end. */
  close() {
    this.#listeners.clear();
    this.#tabs.close();
  }

  /** Sends with the access token. If the server rejects it, sends once more with the next token. */
  async #authorized<Data>(
    isMutation: boolean,
    send: (token: string | null) => Promise<GraphQLResult<Data>>,
  ): Promise<GraphQLResult<Data>> {
    const token = await this.accessToken();
    const result = await send(token);
    if (token === null || !isTokenRejected(result, isMutation)) return result;
    const next = await this.renew(token);
    return next === null ? result : send(next);
  }

  async #requestMessage(document: string, input: object | null): Promise<EmailRequest> {
    const result = await this.#authorized(true, (token) =>
      this.#send<{ payload: ChallengePayload }>(document, { input }, token),
    );
    const request = requestOf(dataOf(result).payload);
    if (!request) throw errorOf({});
    return request;
  }

  /** Executes an operation that needs no session and opens none. */
  async #settle(document: string, input: object): Promise<{ errors: UserError[] }> {
    return dataOf(await this.#send<{ payload: { errors: UserError[] } }>(document, { input })).payload;
  }

  /** Executes a mutation that gives the session new tokens. */
  async #continue(document: string, input: object): Promise<Outcome> {
    let outcome: Outcome | undefined;
    const result = await this.#authorized(true, (token) =>
      this.#tabs.exclusive(async () => {
        const sentAt = Date.now();
        const result = await this.#send<{ payload: Payload | null }>(document, { input }, token);
        if (result.data?.payload) outcome = await this.#accept(result.data.payload, sentAt);
        return result;
      }),
    );
    if (!outcome) throw errorOf(result);
    return outcome;
  }

  #signIn(document: string, input: object): Promise<Outcome> {
    return this.#tabs.exclusive(async () => {
      const sentAt = Date.now();
      const delivery = this.#delivery.toUpperCase();
      const result = await this.#send<{ payload: Payload }>(document, { input: { ...input, delivery } });
      return this.#accept(dataOf(result).payload, sentAt);
    });
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshAlone().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refreshAlone() {
    const before = this.#session;
    await this.#tabs.exclusive(async () => {
      const began = Date.now();
      try {
        await this.#refreshOnce(before, REFRESH_TIMEOUT_MS);
      } catch (error) {
        if (!mayBeRepeated(error)) throw error;
        await pause(began + REFRESH_PAUSE_MS - Date.now());
        const left = began + REFRESH_DEADLINE_MS - Date.now();
        if (left <= 0) throw error;
        await this.#refreshOnce(before, left);
      }
    });
  }

  async #refreshOnce(before: Session | null | undefined, timeout: number) {
    // Another tab has already refreshed.
    if (this.#session !== before) return;
    const refreshToken = await this.#refreshTokens.read();
    if (this.#delivery === "body" && refreshToken === null) return this.#end();
    const sentAt = Date.now();
    const input = refreshToken === null ? null : { refreshToken };
    const { payload } = dataOf(await this.#send<{ payload: Payload }>(REFRESH, { input }, null, timeout));
    const { errors } = await this.#accept(payload, sentAt);
    const [error] = errors;
    if (error?.code === "INVALID_REFRESH_TOKEN") return this.#end();
    if (error)
      throw new PortcullisError(error.message, error.code, { retryAfter: error.retryAfter ?? undefined });
  }

  #send<Data>(
    document: string,
    variables: object,
    token?: string | null,
    timeout = SESSION_TIMEOUT_MS,
  ): Promise<GraphQLResult<Data>> {
    return this.#post<Data>(document, variables, {
      token: token ?? null,
      signal: AbortSignal.timeout(timeout),
    });
  }

  /** Stores the session of a payload and sends it to the other tabs. */
  async #accept(payload: Payload, sentAt: number): Promise<Outcome> {
    const session = sessionOf(payload, sentAt);
    const [first, ...others] = payload.errors;
    if (first) {
      const { token = null, methods = [] } = payload.challenge ?? {};
      return { user: null, errors: [first, ...others], challenge: token, methods };
    }
    if (!session) throw errorOf({});
    if (this.#delivery === "body") await this.#refreshTokens.write(payload.refreshToken);
    this.#tabs.announce(session);
    this.#setSession(session);
    return { user: session.user, errors: [], challenge: null, methods: [] };
  }

  async #end() {
    if (this.#delivery === "body") await this.#refreshTokens.write(null);
    this.#tabs.announce(null);
    this.#setSession(null);
  }

  #setSession(session: Session | null) {
    this.#session = session;
    const state = stateOf(session);
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#listeners.notify(state);
  }
}

/**
 * Whether to repeat a refresh. Either its response may be lost, or other tabs have repeated it so often that the server
 * rate-limits it; shortly after that, one of the tabs has the next session.
 */
function mayBeRepeated(error: unknown): boolean {
  if (!(error instanceof PortcullisError) || (error.retryAfter ?? 0) > 1) return false;
  return error.code === "RATE_LIMITED" || (error.isServerUnavailable && error.errors.length === 0);
}
