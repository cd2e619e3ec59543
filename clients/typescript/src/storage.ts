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
 * Keeps the refresh token in `localStorage`. Every script that ever runs on the origin can read it there, and use
 * it elsewhere for as long as the session lives. `sessionStorage` is refused: browsers copy it into a tab that is
 * duplicated, and once one of the two has refreshed, the server takes the token of the other for stolen.
 */
export function webStorage(storage: Storage, key = "portcullis.refresh"): TokenStorage {
  if (storage === globalThis.sessionStorage)
    throw new TypeError("sessionStorage is copied into duplicated tabs, which would sign each other out.");
  return {
    read: () => storage.getItem(key),
    write(refreshToken) {
      if (refreshToken === null) storage.removeItem(key);
      else storage.setItem(key, refreshToken);
    },
    ...(storage === globalThis.localStorage && { shared: key }),
  };
}
