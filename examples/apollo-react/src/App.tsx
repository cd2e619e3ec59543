import { ApolloProvider } from "@apollo/client/react";
import type { User } from "@portcullis/client";
import { useEffect, useState } from "react";

import { createClient } from "./client";
import { OpenedLink } from "./Email";
import { useLink } from "./link";
import { StepUp } from "./Prove";
import { Security } from "./Security";
import { portcullis, useSession, useStepUp } from "./session";
import { Sessions } from "./Sessions";
import { SignIn } from "./SignIn";

/** The page: the form for a link in a message, the sign-in form, or the content for the signed-in user. */
export function App() {
  const session = useSession();
  const [link, endLink] = useLink();
  if (link) return <OpenedLink key={link.token} link={link} onDone={endLink} />;
  switch (session.status) {
    case "unknown":
      return <Restore />;
    case "signedOut":
      return <SignIn />;
    case "signedIn":
      return <Account key={session.user.id} user={session.user} />;
  }
}

/** Restores the session. Shows nothing, unless the server is unavailable. */
function Restore() {
  const [hasFailed, setHasFailed] = useState(false);
  const restore = () => void portcullis.restore().catch(() => setHasFailed(true));
  useEffect(restore, []);
  if (!hasFailed) return null;
  return (
    <div className="notice">
      <p role="alert">The server is unavailable.</p>
      <button onClick={restore}>Try again</button>
    </div>
  );
}

function Account({ user }: { user: User }) {
  const [client] = useState(createClient);
  const [hasFailed, setHasFailed] = useState(false);
  const isSteppingUp = useStepUp();
  return (
    <ApolloProvider client={client}>
      <header>
        <span>
          Signed in as <strong>{user.username}</strong>
        </span>
        <button onClick={() => portcullis.logout().catch(() => setHasFailed(true))}>Sign out</button>
      </header>
      {hasFailed && <p role="alert">The server is unavailable. You are still signed in.</p>}
      {isSteppingUp && <StepUp />}
      <Sessions />
      <Security />
    </ApolloProvider>
  );
}
