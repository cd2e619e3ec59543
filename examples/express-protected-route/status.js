import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { jwtVerify } from "jose";

/** The largest list that is decompressed, bytes. Without a limit, a small response could fill the memory. */
const MAX_LIST_BYTES = 1 << 20;

/** The time for which a list is kept if it does not state a `ttl`, seconds. */
const DEFAULT_TTL = 60;

/** The time after which a request for a list fails, milliseconds. */
const TIMEOUT = 5000;

/**
 * Creates a function that returns whether a token was revoked, by the status list that the token names
 * (draft-ietf-oauth-status-list). `keys` finds the key of a list, as that of a token. `now` is the clock.
 *
 * The function throws if the list cannot be read, because then nobody knows.
 */
export function createStatusCheck(keys, now = Date.now) {
  const lists = new Map();
  const requests = new Map();

  /** Returns a list that is fresh. If it cannot be fetched, the last one is good until it expires. */
  async function find(uri) {
    const known = lists.get(uri);
    if (known && now() < known.freshUntil) return known;
    // Concurrent requests share one download.
    if (!requests.has(uri)) {
      requests.set(
        uri,
        download(uri, known).finally(() => requests.delete(uri)),
      );
    }
    try {
      const list = await requests.get(uri);
      lists.set(uri, list);
      return list;
    } catch (error) {
      if (known && now() < known.validUntil) return known;
      throw new Error(`the status list ${uri} is unavailable`, { cause: error });
    }
  }

  async function download(uri, known) {
    const response = await fetch(uri, {
      headers: {
        accept: "application/statuslist+jwt",
        ...(known && { "if-none-match": known.etag }),
      },
      signal: AbortSignal.timeout(TIMEOUT),
    });
    if (response.status === 304 && known && now() < known.validUntil) {
      return { ...known, freshUntil: now() + known.ttl };
    }
    if (!response.ok) throw new Error(`the response has the status ${response.status}`);
    const { payload } = await jwtVerify(await response.text(), keys, {
      // An access token is not a list, although the same key has signed it.
      typ: "statuslist+jwt",
      subject: uri,
      requiredClaims: ["iat", "status_list"],
      currentDate: new Date(now()),
    });
    const { bits, lst } = payload.status_list;
    if (![1, 2, 4, 8].includes(bits)) throw new Error("the list has an unknown number of bits");
    const bytes = await promisify(inflate)(Buffer.from(lst, "base64url"), { maxOutputLength: MAX_LIST_BYTES });
    const ttl = (payload.ttl ?? DEFAULT_TTL) * 1000;
    const validUntil = payload.exp ? payload.exp * 1000 : now() + ttl;
    return { bits, bytes, etag: response.headers.get("etag") ?? "", ttl, freshUntil: now() + ttl, validUntil };
  }

  return async (claims) => {
    const reference = claims.status?.status_list;
    // A server that publishes no lists issues tokens without a reference.
    if (!reference) return false;
    // The URL can be trusted, because the issuer has signed the token.
    const { bits, bytes } = await find(reference.uri);
    const bit = reference.idx * bits;
    const byte = bytes[Math.floor(bit / 8)];
    // Nothing is known about an index outside the list, so it counts as revoked.
    return byte === undefined || ((byte >> (bit % 8)) & ((1 << bits) - 1)) !== 0;
  };
}
