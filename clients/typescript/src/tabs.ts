import type { Session } from "./session.js";

/** A message from one tab to the others: the new session, or that its task is done. */
type TabMessage = { session: Session | null } | "done";

/**
 * The maximum time to wait for the message `done` of the tab that held the lock before. That tab has already sent it;
 * it is missing only if the tab was closed meanwhile.
 */
const DONE_TIMEOUT_MS = 500;

/**
 * The tabs that share a session. Only one tab at a time changes the session, and then sends it to the others. Without
 * Web Locks (on pages without TLS), each tab has its own queue. Without BroadcastChannel, each tab refreshes
 * separately; the server accepts two tabs that refresh at the same time.
 */
export class Tabs {
  readonly #name: string;
  readonly #locks: LockManager | undefined;
  #channel: BroadcastChannel | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting: (() => void)[] = [];

  /** Without a name, this tab shares its session with no other. */
  constructor(name: string | null, onSession: (session: Session | null) => void) {
    this.#name = name ?? "";
    // On a server that renders pages there are no tabs. Sharing would mix the sessions of different users.
    if (name === null || !globalThis.location) return;
    this.#locks = globalThis.navigator?.locks;
    this.#channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => {
      if (data === "done") this.#wake();
      else onSession(data.session);
    });
  }

  /** Runs a task while no other task runs, in this tab or another. */
  async exclusive<T>(task: () => Promise<T>): Promise<T> {
    const last = async () => {
      try {
        return await task();
      } finally {
        this.#post("done");
      }
    };
    if (!this.#locks) return this.#enqueue(last);
    const message = new Promise<void>((resolve) => this.#waiting.push(resolve));
    const options = { ifAvailable: true };
    const held = await this.#locks.request(
      this.#name,
      options,
      async (lock) => lock && { value: await last() },
    );
    if (held) return held.value;
    return this.#locks.request(this.#name, async () => {
      if (this.#channel) await Promise.race([message, pause(DONE_TIMEOUT_MS)]);
      return last();
    });
  }

  /** Sends the current session to the other tabs. Call it only within `exclusive`. */
  announce(session: Session | null) {
    this.#post({ session });
  }

  /** Stops sending messages to other tabs and receiving them. */
  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(task);
    this.#queue = run.catch(() => undefined);
    return run;
  }

  #post(message: TabMessage) {
    this.#channel?.postMessage(message);
    // A BroadcastChannel does not deliver messages to its own sender.
    if (message === "done") this.#wake();
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
