import { useSchemaStore } from "@graphiql/react";
import { useEffect, useRef, useSyncExternalStore } from "react";

import { fetcher } from "./fetcher";
import { currentSession, end, type Session, subscribe } from "./session";

/** The product's name and, once an answer brought an access token, who the page is signed in as. */
export function Account() {
  const session = useSyncExternalStore(subscribe, currentSession);
  useSchemaOf(session);

  return (
    <div className="portcullis-account">
      {session && (
        <>
          <span role="status">
            Signed in{session.username && <> as <strong>{session.username}</strong></>}
          </span>
          <button type="button" className="graphiql-un-styled" onClick={() => signOut(session)}>
            Sign out
          </button>
        </>
      )}
      <span className="portcullis-name">Portcullis</span>
    </div>
  );
}

/** A server may show a caller only what they may call, so the schema changes with the caller. */
function useSchemaOf(session: Session | undefined) {
  const introspect = useSchemaStore((store) => store.introspect);
  const caller = session && (session.username ?? "");
  const shown = useRef(caller);
  useEffect(() => {
    if (shown.current === caller) return;
    shown.current = caller;
    void introspect();
  }, [caller, introspect]);
}

async function signOut(session: Session) {
  try {
    await fetcher({ query: "mutation SignOut { logout { errors { code } } }" });
  } finally {
    // Signed out here even where the server cannot be reached.
    end(session.accessToken);
  }
}
