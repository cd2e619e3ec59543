import { createPortcullis } from "@portcullis/client";
import { useSyncExternalStore } from "react";

export const portcullis = createPortcullis({ url: "/graphql" });

const subscribe = (listener: () => void) => portcullis.onChange(listener);

/** The sign-in state, which all tabs share. */
export const useSession = () => useSyncExternalStore(subscribe, () => portcullis.state);
