import { createPortcullis, createStepUp } from "@portcullis/client";
import { useSyncExternalStore } from "react";

/** The form in which the user authenticates again, when an operation needs a recent login. */
export const stepUp = createStepUp();

export const portcullis = createPortcullis({ url: "/graphql", stepUp: stepUp.ask });

const subscribe = (listener: () => void) => portcullis.onChange(listener);

/** The sign-in state, which all tabs share. */
export const useSession = () => useSyncExternalStore(subscribe, () => portcullis.state);

/** Whether an operation waits until the user has authenticated again. */
export const useStepUp = () => useSyncExternalStore(stepUp.onChange, () => stepUp.isOpen);
