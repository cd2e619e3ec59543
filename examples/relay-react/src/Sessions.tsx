import { startTransition, useState } from "react";
import {
  ConnectionHandler,
  graphql,
  useFragment,
  useLazyLoadQuery,
  useMutation,
  usePaginationFragment,
} from "react-relay";

import { Events } from "./Events";
import type { SessionsQuery } from "./__generated__/SessionsQuery.graphql";
import type { Sessions_user$key } from "./__generated__/Sessions_user.graphql";
import type { SessionsItem_session$key } from "./__generated__/SessionsItem_session.graphql";
import type { SessionsPageQuery } from "./__generated__/SessionsPageQuery.graphql";
import type { SessionsRevokeMutation } from "./__generated__/SessionsRevokeMutation.graphql";

/** The open sessions of the account. */
export function Sessions() {
  const { me } = useLazyLoadQuery<SessionsQuery>(
    graphql`
      query SessionsQuery {
        me {
          ...Sessions_user
        }
      }
    `,
    {},
  );
  return me && <SessionList user={me} />;
}

function SessionList({ user }: { user: Sessions_user$key }) {
  const { data, hasNext, isLoadingNext, loadNext, refetch } = usePaginationFragment<
    SessionsPageQuery,
    Sessions_user$key
  >(
    graphql`
      fragment Sessions_user on User
      @refetchable(queryName: "SessionsPageQuery")
      @argumentDefinitions(count: { type: "Int", defaultValue: 5 }, cursor: { type: "String" }) {
        id
        sessions(first: $count, after: $cursor) @connection(key: "Sessions_sessions") {
          totalCount
          edges {
            node {
              id
              ...SessionsItem_session
            }
          }
        }
      }
    `,
    user,
  );
  if (!data.sessions) return null;
  const { totalCount, edges } = data.sessions;
  const update = () =>
    startTransition(() => {
      refetch({ count: Math.max(5, edges.length + 1) }, { fetchPolicy: "network-only" });
    });
  return (
    <section>
      <h1>{totalCount === 1 ? "1 session" : `${totalCount} sessions`}</h1>
      <ul>
        {edges.map(({ node }) => node && <SessionItem key={node.id} session={node} userId={data.id} />)}
      </ul>
      {hasNext && (
        <button className="more" disabled={isLoadingNext} onClick={() => loadNext(5)}>
          Show more
        </button>
      )}
      <Events onEvent={update} />
    </section>
  );
}

function SessionItem({ session, userId }: { session: SessionsItem_session$key; userId: string }) {
  const { id, userAgent, ipAddress, lastUsedAt, current } = useFragment(
    graphql`
      fragment SessionsItem_session on Session {
        id
        userAgent
        ipAddress
        lastUsedAt
        current
      }
    `,
    session,
  );
  const [commit, isInFlight] = useMutation<SessionsRevokeMutation>(graphql`
    mutation SessionsRevokeMutation($id: ID!) {
      revokeSession(input: { id: $id }) {
        session {
          id @deleteRecord
        }
        errors {
          message
        }
      }
    }
  `);
  const [problem, setProblem] = useState<string>();

  function revoke() {
    commit({
      variables: { id },
      updater(store, data) {
        if (data?.revokeSession?.errors.length !== 0) return;
        const user = store.get(userId);
        const list = user && ConnectionHandler.getConnection(user, "Sessions_sessions");
        list?.setValue(Number(list.getValue("totalCount")) - 1, "totalCount");
      },
      onCompleted: ({ revokeSession }, errors) =>
        setProblem(errors?.[0]?.message ?? revokeSession?.errors[0]?.message),
      onError: ({ message }) => setProblem(message),
    });
  }

  return (
    <li>
      <div>
        <p id={id}>{userAgent ?? "Unknown device"}</p>
        <small>
          {ipAddress} · last used {new Date(lastUsedAt).toLocaleString()}
        </small>
        {problem && <p role="alert">{problem}</p>}
      </div>
      {current ? (
        <strong>This one</strong>
      ) : (
        <button disabled={isInFlight} aria-describedby={id} onClick={revoke}>
          Revoke
        </button>
      )}
    </li>
  );
}
