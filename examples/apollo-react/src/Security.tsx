import { type DocumentNode, gql, type TypedDocumentNode } from "@apollo/client";
import { useApolloClient, useQuery } from "@apollo/client/react";
import { useState } from "react";

import { AppForm, PasskeyItem, RecoveryCodes } from "./Factors";
import { Action, type Errors } from "./Form";
import { portcullis } from "./session";

interface FactorsData {
  me: {
    id: string;
    totp: { createdAt: string } | null;
    recoveryCodes: { remaining: number } | null;
    passkeys: { nodes: { id: string; name: string; lastUsedAt: string | null }[] };
  } | null;
}

const FACTORS: TypedDocumentNode<FactorsData> = gql`
  query Factors {
    me {
      id
      totp {
        createdAt
      }
      recoveryCodes {
        remaining
      }
      passkeys(first: 20) {
        nodes {
          id
          name
          lastUsedAt
        }
      }
    }
  }
`;

const START_TOTP = gql`
  mutation StartTotp {
    payload: startTotp {
      secret
      uri
      errors {
        message
      }
    }
  }
`;

const CONFIRM_TOTP = gql`
  mutation ConfirmTotp($code: String!) {
    payload: confirmTotp(input: { code: $code }) {
      codes
      errors {
        message
      }
    }
  }
`;

const REMOVE_TOTP = gql`
  mutation RemoveTotp {
    payload: removeTotp {
      errors {
        message
      }
    }
  }
`;

const CREATE_CODES = gql`
  mutation CreateRecoveryCodes {
    payload: createRecoveryCodes {
      codes
      errors {
        message
      }
    }
  }
`;

const DELETE_PASSKEY = gql`
  mutation DeletePasskey($id: ID!) {
    payload: deletePasskey(input: { id: $id }) {
      errors {
        message
      }
    }
  }
`;

interface Payload {
  secret?: string;
  uri?: string;
  codes?: string[] | null;
  errors: Errors;
}

/** The authenticator app, the recovery codes and the passkeys of the account. */
export function Security() {
  const client = useApolloClient();
  const { data, refetch } = useQuery(FACTORS);
  const [app, setApp] = useState<{ secret: string; uri: string } | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);

  /** Runs a mutation, and shows its effect. */
  async function mutate(mutation: DocumentNode, variables: Record<string, string> = {}) {
    const result = await client.mutate<{ payload: Payload }>({ mutation, variables });
    if (!result.data) throw result.error ?? new Error("The response has no data.");
    const { payload } = result.data;
    if (payload.codes) setCodes(payload.codes);
    await refetch();
    return payload;
  }
  async function startApp() {
    const { secret, uri, errors } = await mutate(START_TOTP);
    if (secret && uri) setApp({ secret, uri });
    return errors;
  }
  async function confirmApp(code: string) {
    const { errors } = await mutate(CONFIRM_TOTP, { code });
    if (errors.length === 0) setApp(null);
    return errors;
  }
  async function addPasskey() {
    const { recoveryCodes, errors } = await portcullis.addPasskey();
    setCodes(recoveryCodes);
    await refetch();
    return errors;
  }

  if (!data?.me) return null;
  const { totp, recoveryCodes, passkeys } = data.me;
  if (codes) return <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />;
  if (app) return <AppForm app={app} onCode={confirmApp} onBack={() => setApp(null)} />;
  return (
    <section>
      <h2>Security</h2>
      {passkeys.nodes.length > 0 && (
        <ul>
          {passkeys.nodes.map((passkey) => (
            <PasskeyItem
              key={passkey.id}
              passkey={passkey}
              onDelete={async () => (await mutate(DELETE_PASSKEY, { id: passkey.id })).errors}
            />
          ))}
        </ul>
      )}
      <div className="actions">
        <Action onAction={addPasskey}>Add a passkey</Action>
        {totp ? (
          <Action onAction={async () => (await mutate(REMOVE_TOTP)).errors}>Remove the authenticator app</Action>
        ) : (
          <Action onAction={startApp}>Add an authenticator app</Action>
        )}
        {recoveryCodes && (
          <Action onAction={async () => (await mutate(CREATE_CODES)).errors}>
            New recovery codes ({recoveryCodes.remaining} left)
          </Action>
        )}
      </div>
    </section>
  );
}
