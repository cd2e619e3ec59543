import { gql, type TypedDocumentNode } from "@apollo/client";
import { useSubscription } from "@apollo/client/react";
import { useState } from "react";

interface AccountEvent {
  id: string;
  action: string;
  at: string;
  userAgent: string | null;
}

// With `$after` and `id` none is missed: see the README of @portcullis/client.
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

/** What the page says of an event; of the others, their names. */
const words: Record<string, string> = {
  LOGIN_SUCCEEDED: "Signed in",
  LOGOUT: "Signed out",
  SESSION_REVOKED: "A session was revoked",
  PASSWORD_CHANGED: "The password was changed",
  ROLES_CHANGED: "The roles were changed",
};

/** What happens to the account while the page is open, the newest first. */
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
      <h2 id="happened">What happened</h2>
      <div role="log" aria-labelledby="happened">
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
