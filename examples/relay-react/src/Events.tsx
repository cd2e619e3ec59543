import { useMemo, useRef, useState } from "react";
import { graphql, useSubscription } from "react-relay";
import type { GraphQLSubscriptionConfig } from "relay-runtime";

import type { EventsSubscription } from "./__generated__/EventsSubscription.graphql";

type AccountEvent = EventsSubscription["response"]["accountEvents"];

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
  const latest = useRef(onEvent);
  latest.current = onEvent;
  const config = useMemo<GraphQLSubscriptionConfig<EventsSubscription>>(
    () => ({
      // With `$after` and `id` none is missed: see the README of @portcullis/client.
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
