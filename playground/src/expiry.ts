import { useEffect, useState } from "react";

import { session } from "./session";

/** After how long a refresh that failed is tried again. */
const AGAIN_MS = 10_000;

/** The milliseconds that the access token still lives. While somebody looks at the page it is replaced in time. */
export function useExpiry(): number | null {
  const [left, setLeft] = useState<number | null>(null);
  useEffect(() => {
    let notBefore = 0;
    const tick = () => {
      const client = session();
      const now = Date.now();
      setLeft(client.expiresAt && Math.max(0, client.expiresAt.getTime() - now));
      // A page that nobody sees must not keep a session alive.
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

/** "59 min", and "42 s" at last. */
export function remaining(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
