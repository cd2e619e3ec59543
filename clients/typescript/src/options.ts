import type { TokenStorage } from "./storage.js";

export type PortcullisOptions = {
  /** The URL of the server's GraphQL endpoint, such as "/graphql". */
  url: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /**
   * Asks the user to authenticate again (step-up), and calls `reauthenticate`. An operation whose login is too old
   * waits for it, and is repeated if it resolves to true. Operations at the same time wait for one call. Without it,
   * and if it resolves to false, the operation fails with an error that has `requiresRecentLogin`.
   */
  stepUp?: () => Promise<boolean>;
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
