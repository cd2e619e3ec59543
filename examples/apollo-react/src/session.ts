import { createPortcullis } from "@portcullis/client";
import { useSyncExternalStore } from "react";

export const portcullis = createPortcullis({ url: "/graphql" });

const subscribe = (listener: () => void) => portcullis.onChange(listener);

/** Who is signed in, in this tab and in every other. */
export const useSession = () => useSyncExternalStore(subscribe, () => portcullis.state);
