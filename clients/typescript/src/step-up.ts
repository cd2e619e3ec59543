import { Listeners } from "./listeners.js";

/** The dialog in which a user authenticates again, for a page that shows it while `isOpen` is true. */
export interface StepUp {
  /** The option `stepUp` of `createPortcullis`. */
  ask: () => Promise<boolean>;
  /** Whether an operation waits for the user. */
  readonly isOpen: boolean;
  /** Ends the dialog. With true, the operations that wait are repeated; otherwise they fail. */
  finish(isDone: boolean): void;
  /** Calls the listener when the dialog opens and ends. Returns a function that removes the listener. */
  onChange: (listener: () => void) => () => void;
}

/** Creates the state of a dialog in which the user calls `reauthenticate`. */
export function createStepUp(): StepUp {
  const listeners = new Listeners<void>();
  let end: ((isDone: boolean) => void) | undefined;
  return {
    ask() {
      const answer = new Promise<boolean>((resolve) => (end = resolve));
      listeners.notify();
      return answer;
    },
    get isOpen() {
      return end !== undefined;
    },
    finish(isDone) {
      end?.(isDone);
      end = undefined;
      listeners.notify();
    },
    onChange: (listener) => listeners.add(listener),
  };
}
