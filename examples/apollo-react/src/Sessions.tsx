import { gql, type TypedDocumentNode } from "@apollo/client";
import { useMutation, useQuery } from "@apollo/client/react";

import { Events } from "./Events";

interface Session {
  id: string;
  lastUsedAt: string;
  userAgent: string | null;
  ipAddress: string | null;
  current: boolean;
}

interface SessionsData {
  me: {
    id: string;
    sessions: {
      totalCount: number;
      edges: { cursor: string; node: Session }[];
      pageInfo: { hasNextPage: boolean; endCursor: string | null };
    } | null;
  } | null;
}

const SESSIONS: TypedDocumentNode<SessionsData, { first?: number; after?: string | null }> = gql`
  query Sessions($first: Int = 5, $after: String) {
    me {
      id
      sessions(first: $first, after: $after) {
        totalCount
        edges {
          cursor
          node {
            id
            lastUsedAt
            userAgent
            ipAddress
            current
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`;

interface RevokeData {
  revokeSession: { session: { id: string } | null; errors: { message: string }[] } | null;
}

const REVOKE: TypedDocumentNode<RevokeData, { id: string }> = gql`
  mutation Revoke($id: ID!) {
    revokeSession(input: { id: $id }) {
      session {
        id
      }
      errors {
        message
      }
    }
  }
`;

/** The open sessions of the account, in pages of five. */
export function Sessions() {
  const { data, error, loading, fetchMore, refetch } = useQuery(SESSIONS);
  const me = data?.me;
  if (!me?.sessions) return <p role={error && "alert"}>{error ? error.message : "Loading…"}</p>;
  const { totalCount, edges, pageInfo } = me.sessions;
  return (
    <section>
      <h1>{totalCount === 1 ? "1 session" : `${totalCount} sessions`}</h1>
      <ul>
        {edges.map(({ node }) => (
          <SessionItem key={node.id} session={node} userId={me.id} />
        ))}
      </ul>
      {pageInfo.hasNextPage && (
        <button
          className="more"
          disabled={loading}
          onClick={() => fetchMore({ variables: { after: pageInfo.endCursor } })}
        >
          Show more
        </button>
      )}
      <Events onEvent={() => void refetch({ first: Math.max(5, edges.length + 1) })} />
    </section>
  );
}

function SessionItem({ session, userId }: { session: Session; userId: string }) {
  const { id, userAgent, ipAddress, lastUsedAt, current } = session;
  const [revoke, { loading, error, data }] = useMutation(REVOKE, {
    variables: { id },
    update(cache, { data }) {
      if (!data?.revokeSession?.session) return;
      cache.evict({ id: cache.identify({ __typename: "Session", id }) });
      cache.modify({
        id: cache.identify({ __typename: "User", id: userId }),
        fields: { sessions: (list) => ({ ...list, totalCount: list.totalCount - 1 }) },
      });
    },
  });
  const problem = error?.message ?? data?.revokeSession?.errors[0]?.message;
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
        <button disabled={loading} aria-describedby={id} onClick={() => revoke().catch(() => {})}>
          Revoke
        </button>
      )}
    </li>
  );
}
