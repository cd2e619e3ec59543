import { type Answer, dataOf, failureOf, isRefused, PortcullisError } from "./answer.js";
import {
  CHANGE_PASSWORD,
  isMutation,
  LOGIN,
  LOGOUT,
  type NamedDocument,
  REFRESH,
  REGISTER,
  type TypedDocument,
} from "./document.js";
import { endpoint, type Post } from "./endpoint.js";
import { Listeners } from "./listeners.js";
import {
  type Outcome,
  type Payload,
  type Session,
  sessionOf,
  type State,
  stateOf,
  type User,
} from "./session.js";
import { memory, type TokenStorage } from "./storage.js";
import { pause, Tabs } from "./tabs.js";

export type PortcullisOptions = {
  /** The server's GraphQL endpoint, such as "/graphql". */
  url: string;
  /** In place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
} & (
  | {
      /** The refresh token is in a cookie that no script can read. */
      delivery?: "cookie";
    }
  | {
      /** The refresh token is in the answer, and this object keeps it. */
      delivery: "body";
      /** Where; in memory unless told otherwise. */
      storage?: TokenStorage;
    }
);

export interface RequestOptions {
  signal?: AbortSignal;
}

/** What goes with a document: its variables, which may be left out where none is required. */
export type RequestArguments<Variables> = {} extends Variables
  ? [variables?: Variables, options?: RequestOptions]
  : [variables: Variables, options?: RequestOptions];

/** How long the server may take over an operation of the session: meanwhile all tabs wait. */
const SESSION_TIMEOUT_MS = 30_000;

/**
 * The timeout of a refresh, and the time after which its only repetition is given up. The server repeats a rotation
 * for 10 s (`tokens.refresh_grace`) and takes a later repetition for theft. It may have rotated the token as soon as
 * the refresh was sent, so both times count from there, and leave a second for the way to the server.
 */
const REFRESH_TIMEOUT_MS = 5_000;
const REFRESH_DEADLINE_MS = 9_000;

/** The time between a refresh and its repetition, at least: a phone that changes networks needs it to reconnect. */
const REFRESH_PAUSE_MS = 1_000;

/** Signs people in to a Portcullis server, and keeps them signed in. */
export function createPortcullis(options: PortcullisOptions): Portcullis {
  return new Portcullis(options);
}

/** The session of a page. Whatever throws throws a `PortcullisError`. */
export class Portcullis {
  /** The server's GraphQL endpoint. */
  readonly url: string;
  readonly #delivery: "cookie" | "body";
  readonly #refreshTokens: TokenStorage;
  readonly #post: Post;
  readonly #tabs: Tabs;
  readonly #listeners = new Listeners<State>();
  /** Undefined before the server has been asked, null when nobody is signed in. */
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
    this.#tabs = new Tabs(name, (session) => this.#become(session));
  }

  /** Who is signed in, as far as this page knows. The same object until something changes. */
  get state(): State {
    return this.#state;
  }

  /** Calls the listener at every change, also of those from another tab. Returns how to stop that. */
  onChange(listener: (state: State) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Finds out who is signed in: for the start of a page. Throws where the server is away; try again, then. */
  async restore(): Promise<State> {
    await this.accessToken();
    return this.#state;
  }

  /** Makes an account and signs its owner in. */
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

  /** Changes the password, which ends every other session of the account. */
  async changePassword(input: { currentPassword: string; newPassword: string }): Promise<Outcome> {
    let outcome: Outcome | undefined;
    const answer = await this.#authorized(true, (token) =>
      this.#tabs.alone(async () => {
        const askedAt = Date.now();
        const answer = await this.#ask<{ payload: Payload | null }>(CHANGE_PASSWORD, { input }, token);
        if (answer.data?.payload) outcome = await this.#take(answer.data.payload, askedAt);
        return answer;
      }),
    );
    if (!outcome) throw failureOf(answer);
    return outcome;
  }

  /**
   * Takes over a session that an operation of your own has opened or continued: what the server's `AuthPayload`
   * brought. With body delivery `refreshToken` is what it goes on with; with cookie delivery it is in the cookie.
   */
  adopt(payload: {
    accessToken: string;
    refreshToken?: string | null;
    expiresIn: number;
    user: User;
  }): Promise<void> {
    const askedAt = Date.now();
    return this.#tabs.alone(async () => {
      await this.#take({ ...payload, refreshToken: payload.refreshToken ?? null, errors: [] }, askedAt);
    });
  }

  /**
   * Signs out, in all tabs. Throws where the server is away: the session then goes on, for only the server
   * can end it.
   */
  logout(): Promise<void> {
    return this.#tabs.alone(async () => {
      const refreshToken = await this.#refreshTokens.read();
      const input = refreshToken === null ? null : { refreshToken };
      dataOf(await this.#ask(LOGOUT, { input }, this.#session?.accessToken));
      await this.#end();
    });
  }

  /**
   * An access token that is good for a while; null when nobody is signed in. Refreshes where needed, once for
   * all who ask, in all tabs. Throws where the server is away and the token that there was has expired.
   */
  async accessToken(): Promise<string | null> {
    if (this.peek() === undefined) {
      await this.#refresh().catch((error: unknown) => {
        if (!this.#session || this.#session.expiresAt <= Date.now()) throw error;
      });
    }
    return this.#session?.accessToken ?? null;
  }

  /** What `accessToken` gives, where it would not ask the server; undefined where it would. */
  peek(): string | null | undefined {
    const session = this.#session;
    if (session && session.refreshAt <= Date.now()) return undefined;
    return session && session.accessToken;
  }

  /** When the access token that there is expires, by this device's clock; null when there is none. */
  get expiresAt(): Date | null {
    return this.#session ? new Date(this.#session.expiresAt) : null;
  }

  /** The access token after one that a server has refused; null when that shows that nobody is signed in. */
  async renew(refused: string): Promise<string | null> {
    if (this.#session?.accessToken === refused) await this.#refresh();
    return this.#session?.accessToken ?? null;
  }

  /** Sends an operation and gives its data. Errors of the answer are thrown, with what data there was. */
  async request<Data, Variables extends object = object>(
    document: TypedDocument<Data, Variables> | NamedDocument,
    ...rest: RequestArguments<Variables>
  ): Promise<Data> {
    return dataOf(await this.execute(document, ...rest));
  }

  /** Sends an operation and gives the answer as it is, with data and errors. */
  execute<Data, Variables extends object = object>(
    document: TypedDocument<Data, Variables> | NamedDocument,
    ...[variables, options]: RequestArguments<Variables>
  ): Promise<Answer<Data>> {
    const sent = typeof document === "object" && "id" in document ? document : document.toString();
    return this.#authorized(isMutation(sent), (token) =>
      this.#post<Data>(sent, variables ?? {}, { token, signal: options?.signal }),
    );
  }

  /** Stops listening to other tabs, and telling them. The session goes on. */
  close() {
    this.#listeners.clear();
    this.#tabs.close();
  }

  /** Sends with the access token, and once more with the next when the server refuses it. */
  async #authorized<Data>(
    isMutation: boolean,
    send: (token: string | null) => Promise<Answer<Data>>,
  ): Promise<Answer<Data>> {
    const token = await this.accessToken();
    const answer = await send(token);
    if (token === null || !isRefused(answer, isMutation)) return answer;
    const next = await this.renew(token);
    return next === null ? answer : send(next);
  }

  #signIn(document: string, input: object): Promise<Outcome> {
    return this.#tabs.alone(async () => {
      const askedAt = Date.now();
      const delivery = this.#delivery.toUpperCase();
      const answer = await this.#ask<{ payload: Payload }>(document, { input: { ...input, delivery } });
      return this.#take(dataOf(answer).payload, askedAt);
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
    await this.#tabs.alone(async () => {
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
    // Another tab was faster.
    if (this.#session !== before) return;
    const refreshToken = await this.#refreshTokens.read();
    if (this.#delivery === "body" && refreshToken === null) return this.#end();
    const askedAt = Date.now();
    const input = refreshToken === null ? null : { refreshToken };
    const { payload } = dataOf(await this.#ask<{ payload: Payload }>(REFRESH, { input }, null, timeout));
    const { errors } = await this.#take(payload, askedAt);
    const [error] = errors;
    if (error?.code === "INVALID_REFRESH_TOKEN") return this.#end();
    if (error)
      throw new PortcullisError(error.message, error.code, { retryAfter: error.retryAfter ?? undefined });
  }

  #ask<Data>(
    document: string,
    variables: object,
    token?: string | null,
    timeout = SESSION_TIMEOUT_MS,
  ): Promise<Answer<Data>> {
    return this.#post<Data>(document, variables, {
      token: token ?? null,
      signal: AbortSignal.timeout(timeout),
    });
  }

  /** Takes the session over that a payload brings. */
  async #take(payload: Payload, askedAt: number): Promise<Outcome> {
    const session = sessionOf(payload, askedAt);
    const [first, ...others] = payload.errors;
    if (first) return { user: null, errors: [first, ...others] };
    if (!session) throw failureOf({});
    if (this.#delivery === "body") await this.#refreshTokens.write(payload.refreshToken);
    this.#tabs.announce(session);
    this.#become(session);
    return { user: session.user, errors: [] };
  }

  async #end() {
    if (this.#delivery === "body") await this.#refreshTokens.write(null);
    this.#tabs.announce(null);
    this.#become(null);
  }

  #become(session: Session | null) {
    this.#session = session;
    const state = stateOf(session);
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#listeners.tell(state);
  }
}

/**
 * Whether a refresh is worth a repetition: its response may be lost, or other tabs have repeated it so often that the
 * server asks for a moment's patience, after which one of them has brought the next session.
 */
function mayBeRepeated(error: unknown): boolean {
  if (!(error instanceof PortcullisError) || (error.retryAfter ?? 0) > 1) return false;
  return error.code === "RATE_LIMITED" || (error.isServerAway && error.errors.length === 0);
}
