import { useEffect, useState } from "react";

/** A link in a message, whose URL ends in `#verify-email=TOKEN` or `#reset-password=TOKEN`. */
export interface Link {
  flow: "verify-email" | "reset-password";
  token: string;
}

/** Takes the link from the address bar, and removes the token there and in the history. */
function takeLink(): Link | null {
  const [flow, token] = location.hash.slice(1).split("=");
  if (!token || (flow !== "verify-email" && flow !== "reset-password")) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { flow, token };
}

const opened = takeLink();

/** The link that opened the page, until it is done. */
export function useLink() {
  const [link, setLink] = useState(opened);
  useEffect(() => {
    const take = () => setLink((link) => takeLink() ?? link);
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);
  return [link, () => setLink(null)] as const;
}
