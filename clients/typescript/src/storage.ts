/** The storage of the refresh token with body delivery. */
export interface TokenStorage {
  read(): string | null | Promise<string | null>;
  write(refreshToken: string | null): void | Promise<void>;
  /** A name shared by all tabs that read the same token. Omit it if each tab has its own token. */
  shared?: string;
}

/** Keeps the refresh token in memory while the page is open. No other script can read it. */
export function memory(): TokenStorage {
  let kept: string | null = null;
  return {
    read: () => kept,
    write(refreshToken) {
      kept = refreshToken;
    },
  };
}

/**
 * Keeps the refresh token in `localStorage`. Every script on the origin can read it there, and can use it elsewhere
 * until the session ends. `sessionStorage` is rejected, because browsers copy it into a duplicated tab. After one of
 * the two tabs has refreshed, the server would treat the token of the other as stolen.
 */
export function webStorage(storage: Storage, key = "portcullis.refresh"): TokenStorage {
  if (storage === globalThis.sessionStorage)
    throw new TypeError("sessionStorage cannot be used: duplicated tabs copy it, and would sign each other out.");
  return {
    read: () => storage.getItem(key),
    write(refreshToken) {
      if (refreshToken === null) storage.removeItem(key);
      else storage.setItem(key, refreshToken);
    },
    ...(storage === globalThis.localStorage && { shared: key }),
  };
}
