import { useEffect, useState } from "react";

import { session } from "./session";

/** The time after which a failed refresh is repeated. */
const AGAIN_MS = 10_000;

/** The remaining lifetime of the access token in ms. While the page is visible, the token is replaced in time. */
export function useExpiry(): number | null {
  const [left, setLeft] = useState<number | null>(null);
  useEffect(() => {
    let notBefore = 0;
    const tick = () => {
      const client = session();
      const now = Date.now();
      setLeft(client.expiresAt && Math.max(0, client.expiresAt.getTime() - now));
      // A hidden page must not keep a session alive.
      if (document.hidden || client.peek() !== undefined || now < notBefore) return;
      notBefore = Infinity;
      const next = client.accessToken().then(() => 0, () => Date.now() + AGAIN_MS);
      void next.then((time) => (notBefore = time));
    };
    tick();
    const timer = setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, []);
  return left;
}

/** A duration as text: "59 min", or "42 s" in the last minute. */
export function remaining(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
