/** Where the refresh token is kept with body delivery. */
export interface TokenStorage {
  read(): string | null | Promise<string | null>;
  write(refreshToken: string | null): void | Promise<void>;
  /** A name that all tabs have in common that read the same token; left out where each has its own. */
  shared?: string;
}

/** Keeps the refresh token while the page is open, and out of reach of every other script. */
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
 * Keeps the refresh token in `localStorage` or `sessionStorage`. Every script that ever runs on the origin
 * can read it there, and use it elsewhere for as long as the session lives.
 */
export function webStorage(storage: Storage, key = "portcullis.refresh"): TokenStorage {
  return {
    read: () => storage.getItem(key),
    write(refreshToken) {
      if (refreshToken === null) storage.removeItem(key);
      else storage.setItem(key, refreshToken);
    },
    ...(storage === globalThis.localStorage && { shared: key }),
  };
}
