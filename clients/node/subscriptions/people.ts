// Who is there in these tests, and what they do without the clients that are tried.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { ask, password, url } from "../server";

// Node 20 has none of its own.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

/** Where sockets are opened. */
export const socketUrl = url.replace(/^http/, "ws");

const TOKENS = "{ accessToken refreshToken user { id } errors { code } }";

interface Tokens {
  accessToken: string;
  refreshToken: string;
  user: { id: string };
}

/** Somebody with an account and a session. */
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

  /** The access token, good or not. */
  get token(): string {
    return this.tokens.accessToken;
  }

  /** A new one. */
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

  /** Something that is an event of the account and nothing else. */
  async fail(): Promise<void> {
    const login = "mutation ($input: LoginInput!) { login(input: $input) { errors { code } } }";
    await ask(login, { input: { username: this.username, password: "wrong" } });
  }
}

/** What the log has of an account, the oldest first. */
export async function logOf(user: string, token: string): Promise<string[]> {
  const query = "query ($user: ID!) { auditEvents(first: 100, filter: { user: $user }) { nodes { id } } }";
  const { data } = await ask<{ auditEvents: { nodes: { id: string }[] } }>(query, { user }, token);
  assert(data);
  return data.auditEvents.nodes.map((node) => node.id).reverse();
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
