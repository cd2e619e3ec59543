/** Ends the step-up that waits for the user. */
let finish: ((isDone: boolean) => void) | undefined;
const listeners = new Set<() => void>();

/** Waits until the user has authenticated again in the dialog, or has cancelled it. */
export async function stepUp(): Promise<boolean> {
  const done = new Promise<boolean>((resolve) => (finish = resolve));
  notify();
  return done;
}

export const isSteppingUp = () => finish !== undefined;

export function finishStepUp(isDone: boolean) {
  finish?.(isDone);
  finish = undefined;
  notify();
}

export function subscribeStepUp(listener: () => void) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

const notify = () => listeners.forEach((listener) => listener());
