import { isMutation, LOGOUT, type NamedDocument, REFRESH } from "./document.js";
import { endpoint, type Post } from "./endpoint.js";
import { Listeners } from "./listeners.js";
import type { PortcullisOptions } from "./options.js";
import {
  dataOf,
  errorOf,
  type GraphQLResult,
  isLoginTooOld,
  isTokenRejected,
  PortcullisError,
} from "./result.js";
import { type Outcome, type Payload, refusal, type Session, sessionOf, type State, stateOf } from "./session.js";
import { memory, type TokenStorage } from "./storage.js";
import { pause, Tabs } from "./tabs.js";

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

/** The session of all tabs: opens, refreshes and ends it, and sends operations with its access token. */
export class SessionManager {
  readonly #delivery: "cookie" | "body";
  readonly #refreshTokens: TokenStorage;
  readonly #post: Post;
  readonly #tabs: Tabs;
  readonly #listeners = new Listeners<State>();
  readonly #askUser: (() => Promise<boolean>) | undefined;
  /** Undefined before the first response of the server; null if the user is signed out. */
  #session: Session | null | undefined;
  #state: State = stateOf(undefined);
  #refreshing: Promise<void> | undefined;
  #steppingUp: Promise<boolean> | undefined;

  constructor(options: PortcullisOptions) {
    this.#delivery = options.delivery ?? "cookie";
    this.#refreshTokens = (options.delivery === "body" && options.storage) || memory();
    this.#askUser = options.stepUp;
    const credentials = this.#delivery === "cookie" ? "include" : "same-origin";
    this.#post = endpoint(options.url, credentials, options.fetch);
    const shared = this.#delivery === "cookie" ? "cookie" : this.#refreshTokens.shared;
    const name = shared === undefined ? null : `portcullis ${shared} ${options.url}`;
    this.#tabs = new Tabs(name, (session) => this.#setSession(session));
  }

  get state(): State {
    return this.#state;
  }

  onChange(listener: (state: State) => void): () => void {
    return this.#listeners.add(listener);
  }

  async accessToken(): Promise<string | null> {
    if (this.peek() === undefined) {
      await this.#refresh().catch((error: unknown) => {
        if (!this.#session || this.#session.expiresAt <= Date.now()) throw error;
      });
    }
    return this.#session?.accessToken ?? null;
  }

  peek(): string | null | undefined {
    const session = this.#session;
    if (session && session.refreshAt <= Date.now()) return undefined;
    return session && session.accessToken;
  }

  get expiresAt(): Date | null {
    return this.#session ? new Date(this.#session.expiresAt) : null;
  }

  async renew(refused: string): Promise<string | null> {
    if (this.#session?.accessToken === refused) await this.#refresh();
    return this.#session?.accessToken ?? null;
  }

  async tokenToRepeat(result: GraphQLResult, token: string | null, isMutation: boolean): Promise<string | null> {
    if (token === null) return null;
    if (isTokenRejected(result, isMutation)) return this.renew(token);
    if (isLoginTooOld(result, isMutation) && (await this.#stepUp())) return this.accessToken();
    return null;
  }

  /** Executes an operation of the page with the access token. */
  execute<Data>(
    document: string | NamedDocument,
    variables: object,
    signal?: AbortSignal,
  ): Promise<GraphQLResult<Data>> {
    return this.#authorized(isMutation(document), (token) => this.#post<Data>(document, variables, { token, signal }));
  }

  /** Executes an operation of this client with the access token. */
  authorized<Data>(document: string, variables: object): Promise<GraphQLResult<Data>> {
    return this.#authorized(isMutation(document), (token) => this.#send<Data>(document, variables, token));
  }

  /** Executes an operation of this client without the access token. */
  anonymous<Data>(document: string, variables: object): Promise<GraphQLResult<Data>> {
    return this.#send<Data>(document, variables);
  }

  /** Executes a mutation that signs in. */
  open(document: string, input: object): Promise<Outcome> {
    return this.#tabs.exclusive(async () => {
      const sentAt = Date.now();
      const delivery = this.#delivery.toUpperCase();
      const result = await this.#send<{ payload: Payload }>(document, { input: { ...input, delivery } });
      return this.#accept(dataOf(result).payload, sentAt);
    });
  }

  /** Executes a mutation that gives the session new tokens. The refresh token is delivered as in the session. */
  async continue(document: string, input: object): Promise<Outcome> {
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

  /** How the server delivers the refresh token, as an input has it. */
  get delivery(): string {
    return this.#delivery.toUpperCase();
  }

  /** Continues a session that was opened elsewhere. */
  adopt(payload: Payload): Promise<void> {
    const sentAt = Date.now();
    return this.#tabs.exclusive(async () => void (await this.#accept(payload, sentAt)));
  }

  logout(): Promise<void> {
    return this.#tabs.exclusive(async () => {
      const refreshToken = await this.#refreshTokens.read();
      const input = refreshToken === null ? null : { refreshToken };
      dataOf(await this.#send(LOGOUT, { input }, this.#session?.accessToken));
      await this.#end();
    });
  }

  close() {
    this.#listeners.clear();
    this.#tabs.close();
  }

  /** Sends with the access token. If the server refuses it, sends once more with the next token. */
  async #authorized<Data>(
    isMutation: boolean,
    send: (token: string | null) => Promise<GraphQLResult<Data>>,
  ): Promise<GraphQLResult<Data>> {
    const token = await this.accessToken();
    const result = await send(token);
    const next = await this.tokenToRepeat(result, token, isMutation);
    return next === null ? result : send(next);
  }

  async #stepUp(): Promise<boolean> {
    if (!this.#askUser) return false;
    this.#steppingUp ??= this.#askUser().finally(() => {
      this.#steppingUp = undefined;
    });
    return this.#steppingUp;
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
    if (first) return refusal([first, ...others], payload.challenge);
    if (!session) throw errorOf({});
    if (this.#delivery === "body") await this.#refreshTokens.write(payload.refreshToken);
    this.#tabs.announce(session);
    this.#setSession(session);
    const { recoveryCodes = null } = payload;
    return {
      user: session.user,
      errors: [],
      challenge: null,
      methods: [],
      passkeyOptions: null,
      enrolment: null,
      recoveryCodes,
    };
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
