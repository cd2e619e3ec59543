import type { Session } from "./session.js";

/** What one tab tells the others. */
type Word = { session: Session | null } | "done";

/**
 * How long to wait for the word of the tab that held the lock before. It has been sent by then; only where
 * the tab was closed meanwhile it never comes.
 */
const WORD_WITHIN_MS = 500;

/**
 * The tabs that share a session. One at a time changes it, and tells the others what came of it. Where the
 * browser lacks Web Locks (pages without TLS) each tab has its own turns, and where it lacks BroadcastChannel
 * each asks the server by itself; the server forgives two tabs that refresh at once.
 */
export class Tabs {
  readonly #name: string;
  readonly #locks: LockManager | undefined;
  #channel: BroadcastChannel | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: (() => void)[] = [];

  /** Without a name this tab is the only one. */
  constructor(name: string | null, onSession: (session: Session | null) => void) {
    this.#name = name ?? "";
    // A server that renders pages has no tabs: there it would mix up the sessions of many people.
    if (name === null || !globalThis.location) return;
    this.#locks = globalThis.navigator?.locks;
    this.#channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<Word>) => {
      if (data === "done") this.#wake();
      else onSession(data.session);
    });
  }

  /** Runs a task while no other runs, in this tab or another. */
  async alone<T>(task: () => Promise<T>): Promise<T> {
    const last = async () => {
      try {
        return await task();
      } finally {
        this.#say("done");
      }
    };
    if (!this.#locks) return this.#inTurn(last);
    const word = new Promise<void>((resolve) => this.#waiting.push(resolve));
    const options = { ifAvailable: true };
    const held = await this.#locks.request(
      this.#name,
      options,
      async (lock) => lock && { value: await last() },
    );
    if (held) return held.value;
    return this.#locks.request(this.#name, async () => {
      if (this.#channel) await Promise.race([word, pause(WORD_WITHIN_MS)]);
      return last();
    });
  }

  /** Tells the other tabs of the session as it is now. Only from within `alone`. */
  announce(session: Session | null) {
    this.#say({ session });
  }

  /** Neither hears of the other tabs any more nor tells them. */
  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(task);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #say(word: Word) {
    this.#channel?.postMessage(word);
    // A channel does not speak to itself.
    if (word === "done") this.#wake();
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
