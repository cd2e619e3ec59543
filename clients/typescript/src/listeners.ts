/** A list of listeners. An error in one listener does not affect the others. */
export class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();

  /** Adds a listener and returns a function that removes it. */
  add(listener: (value: T) => void): () => void {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  notify(value: T) {
    for (const listener of this.#all) {
      try {
        listener(value);
      } catch (error) {
        report(error);
      }
    }
  }

  clear() {
    this.#all.clear();
  }
}

/** Reports an error to the page, like an error in an event listener. Node has no `reportError`. */
function report(error: unknown) {
  if (globalThis.reportError) return globalThis.reportError(error);
  queueMicrotask(() => {
    throw error;
  });
}
