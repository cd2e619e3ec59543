import { useMemo, useRef, useState } from "react";
import { graphql, useSubscription } from "react-relay";
import type { GraphQLSubscriptionConfig } from "relay-runtime";

import type { EventsSubscription } from "./__generated__/EventsSubscription.graphql";

type AccountEvent = EventsSubscription["response"]["accountEvents"];

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
  const latest = useRef(onEvent);
  latest.current = onEvent;
  const config = useMemo<GraphQLSubscriptionConfig<EventsSubscription>>(
    () => ({
      // With `$after` and `id` no event is missed: see the README of @portcullis/client.
      subscription: graphql`
        subscription EventsSubscription($after: ID) {
          accountEvents(after: $after) {
            id
            action
            at
            userAgent
          }
        }
      `,
      variables: {},
      onNext(data) {
        if (!data) return;
        setEvents((events) => [data.accountEvents, ...events.slice(0, 4)]);
        latest.current();
      },
    }),
    [],
  );
  useSubscription(config);

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
