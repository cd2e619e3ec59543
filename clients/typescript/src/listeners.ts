/** Those who want to hear of something. One that fails keeps the others from nothing. */
export class Listeners<T> {
  readonly #all = new Set<(news: T) => void>();

  /** Returns how to stop listening. */
  add(listener: (news: T) => void): () => void {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  tell(news: T) {
    for (const listener of this.#all) {
      try {
        listener(news);
      } catch (error) {
        report(error);
      }
    }
  }

  clear() {
    this.#all.clear();
  }
}

/** Lets the page hear of an error as it does of an event listener's. Node has no `reportError`. */
function report(error: unknown) {
  if (globalThis.reportError) return globalThis.reportError(error);
  queueMicrotask(() => {
    throw error;
  });
}
