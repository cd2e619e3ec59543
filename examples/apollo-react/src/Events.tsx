import { gql, type TypedDocumentNode } from "@apollo/client";
import { useSubscription } from "@apollo/client/react";
import { useState } from "react";

interface AccountEvent {
  id: string;
  action: string;
  at: string;
  userAgent: string | null;
}

// With `$after` and `id` no event is missed: see the README of @portcullis/client.
const EVENTS: TypedDocumentNode<{ accountEvents: AccountEvent }, { after?: string }> = gql`
  subscription Events($after: ID) {
    accountEvents(after: $after) {
      id
      action
      at
      userAgent
    }
  }
`;

/** The texts for some actions. The page shows other actions by their names. */
const words: Record<string, string> = {
  LOGIN_SUCCEEDED: "Signed in",
  LOGOUT: "Signed out",
  SESSION_REVOKED: "A session was revoked",
  PASSWORD_CHANGED: "The password was changed",
  ROLES_CHANGED: "The roles were changed",
};

/** The events of the account while the page is open, newest first. */
export function Events({ onEvent }: { onEvent(): void }) {
  const [events, setEvents] = useState<AccountEvent[]>([]);
  useSubscription(EVENTS, {
    onData({ data: { data } }) {
      if (!data) return;
      setEvents((events) => [data.accountEvents, ...events.slice(0, 4)]);
      onEvent();
    },
  });

  return (
    <section>
      <h2 id="account-events">Account events</h2>
      <div role="log" aria-labelledby="account-events">
        {events.map(({ id, action, at, userAgent }) => (
          <p key={id}>
            {words[action] ?? action}{" "}
            <small>
              {new Date(at).toLocaleTimeString()} {userAgent}
            </small>
          </p>
        ))}
      </div>
    </section>
  );
}
