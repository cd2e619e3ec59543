/** Who this page is signed in as. In memory only: a reload signs out, and nothing is left behind. */
export type Session = { accessToken: string; username?: string };

let current: Session | undefined;
const listeners = new Set<() => void>();

export const currentSession = () => current;

export function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function begin(accessToken: string) {
  set({ accessToken, username: usernameOf(accessToken) });
}

/** Forgets the session of that token; one that began since stays. */
export function end(accessToken: string) {
  if (current?.accessToken === accessToken) set(undefined);
}

function set(session: Session | undefined) {
  current = session;
  for (const listener of listeners) listener();
}

/** The `username` claim, unverified: it is only shown, and the server judges the token. */
function usernameOf(accessToken: string): string | undefined {
  try {
    const payload = accessToken.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).username;
  } catch {
    return undefined;
  }
}
