// The users of these tests, and the requests that they send without the tested clients.

import assert from "node:assert/strict";
import { admin, ask, password, signIn } from "../server";

const TOKENS = "{ accessToken refreshToken user { id } errors { code } }";

interface Tokens {
  accessToken: string;
  refreshToken: string;
  user: { id: string };
}

/** A user with an account and a session. */
export class Person {
  private constructor(readonly username: string, private tokens: Tokens) {}

  static async register(username: string): Promise<Person> {
    const register = `mutation ($input: RegisterInput!) { it: register(input: $input) ${TOKENS} }`;
    const { data } = await ask<{ it: Tokens }>(register, { input: { username, password } });
    assert(data?.it.accessToken, `${username} cannot register`);
    return new Person(username, data.it);
  }

  get id(): string {
    return this.tokens.user.id;
  }

  /** The access token, valid or not. */
  get token(): string {
    return this.tokens.accessToken;
  }

  /** Refreshes, and returns the new access token. */
  async refresh(): Promise<string> {
    const refresh = `mutation ($input: RefreshInput!) { it: refresh(input: $input) ${TOKENS} }`;
    const { data } = await ask<{ it: Tokens }>(refresh, { input: { refreshToken: this.tokens.refreshToken } });
    assert(data?.it.accessToken, `${this.username} cannot refresh`);
    this.tokens = data.it;
    return this.token;
  }

  /** Ends the session. */
  async signOut(): Promise<void> {
    await ask("mutation ($input: LogoutInput!) { logout(input: $input) { errors { code } } }",
      { input: { refreshToken: this.tokens.refreshToken } });
  }

  /** Fails to sign in, which only writes an event of the account. */
  async fail(): Promise<void> {
    const login = "mutation ($input: LoginInput!) { login(input: $input) { errors { code } } }";
    await ask(login, { input: { username: this.username, password: "wrong" } });
  }
}

/** The ids of the user's audit events, oldest first. */
export async function logOf({ id: user }: Person): Promise<string[]> {
  const query = "query ($user: ID!) { auditEvents(first: 100, filter: { user: $user }) { nodes { id } } }";
  const { data } = await ask<{ auditEvents: { nodes: { id: string }[] } }>(query, { user }, await signIn(admin));
  assert(data);
  return data.auditEvents.nodes.map((node) => node.id).reverse();
}

/** The id of the newest event. A subscription after it misses no later event. */
export async function newestOf(person: Person): Promise<string> {
  const newest = (await logOf(person)).at(-1);
  assert(newest);
  return newest;
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
