import { useState } from "react";
import { commitMutation, graphql, useLazyLoadQuery, useRelayEnvironment } from "react-relay";
import type { GraphQLTaggedNode, MutationParameters } from "relay-runtime";

import type { SecurityConfirmTotpMutation } from "./__generated__/SecurityConfirmTotpMutation.graphql";
import type { SecurityCreateCodesMutation } from "./__generated__/SecurityCreateCodesMutation.graphql";
import type { SecurityDeletePasskeyMutation } from "./__generated__/SecurityDeletePasskeyMutation.graphql";
import type { SecurityQuery } from "./__generated__/SecurityQuery.graphql";
import type { SecurityRemoveTotpMutation } from "./__generated__/SecurityRemoveTotpMutation.graphql";
import type { SecurityStartTotpMutation } from "./__generated__/SecurityStartTotpMutation.graphql";
import { AppForm, PasskeyItem, RecoveryCodes } from "./Factors";
import { Action, type Errors } from "./Form";
import { portcullis } from "./session";

const START_TOTP = graphql`
  mutation SecurityStartTotpMutation {
    payload: startTotp {
      secret
      uri
      errors {
        message
      }
    }
  }
`;

const CONFIRM_TOTP = graphql`
  mutation SecurityConfirmTotpMutation($code: String!) {
    payload: confirmTotp(input: { code: $code }) {
      codes
      errors {
        message
      }
    }
  }
`;

const REMOVE_TOTP = graphql`
  mutation SecurityRemoveTotpMutation {
    payload: removeTotp {
      errors {
        message
      }
    }
  }
`;

const CREATE_CODES = graphql`
  mutation SecurityCreateCodesMutation {
    payload: createRecoveryCodes {
      codes
      errors {
        message
      }
    }
  }
`;

const DELETE_PASSKEY = graphql`
  mutation SecurityDeletePasskeyMutation($id: ID!) {
    payload: deletePasskey(input: { id: $id }) {
      errors {
        message
      }
    }
  }
`;

/** A mutation whose payload has errors. */
interface Mutation extends MutationParameters {
  response: { payload: { errors: Errors } | null | undefined };
}

/** The authenticator app, the recovery codes and the passkeys of the account. */
export function Security() {
  const environment = useRelayEnvironment();
  const [version, setVersion] = useState(0);
  const { me } = useLazyLoadQuery<SecurityQuery>(
    graphql`
      query SecurityQuery {
        me {
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
    `,
    {},
    { fetchKey: version, fetchPolicy: "store-and-network" },
  );
  const [app, setApp] = useState<{ secret: string; uri: string } | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const reload = () => setVersion((version) => version + 1);

  /** Runs a mutation, and shows its effect. */
  function mutate<M extends Mutation>(mutation: GraphQLTaggedNode, variables: M["variables"]) {
    return new Promise<NonNullable<M["response"]["payload"]>>((resolve, reject) => {
      commitMutation<M>(environment, {
        mutation,
        variables,
        onCompleted({ payload }, errors) {
          if (!payload) return reject(new Error(errors?.[0]?.message));
          reload();
          resolve(payload);
        },
        onError: reject,
      });
    });
  }
  async function startApp() {
    const { secret, uri, errors } = await mutate<SecurityStartTotpMutation>(START_TOTP, {});
    if (secret && uri) setApp({ secret, uri });
    return errors;
  }
  async function confirmApp(code: string) {
    const payload = await mutate<SecurityConfirmTotpMutation>(CONFIRM_TOTP, { code });
    if (payload.errors.length === 0) setApp(null);
    setCodes(payload.codes ?? null);
    return payload.errors;
  }
  async function createCodes() {
    const payload = await mutate<SecurityCreateCodesMutation>(CREATE_CODES, {});
    setCodes(payload.codes ?? null);
    return payload.errors;
  }
  async function addPasskey() {
    const { recoveryCodes, errors } = await portcullis.addPasskey();
    setCodes(recoveryCodes);
    reload();
    return errors;
  }
  const removeApp = async () => (await mutate<SecurityRemoveTotpMutation>(REMOVE_TOTP, {})).errors;
  const deletePasskey = async (id: string) =>
    (await mutate<SecurityDeletePasskeyMutation>(DELETE_PASSKEY, { id })).errors;

  if (!me?.passkeys) return null;
  const { totp, recoveryCodes, passkeys } = me;
  if (codes) return <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />;
  if (app) return <AppForm app={app} onCode={confirmApp} onBack={() => setApp(null)} />;
  return (
    <section>
      <h2>Security</h2>
      {passkeys.nodes.length > 0 && (
        <ul>
          {passkeys.nodes.map((passkey) => (
            <PasskeyItem key={passkey.id} passkey={passkey} onDelete={() => deletePasskey(passkey.id)} />
          ))}
        </ul>
      )}
      <div className="actions">
        <Action onAction={addPasskey}>Add a passkey</Action>
        {totp ? (
          <Action onAction={removeApp}>Remove the authenticator app</Action>
        ) : (
          <Action onAction={startApp}>Add an authenticator app</Action>
        )}
        {recoveryCodes && (
          <Action onAction={createCodes}>New recovery codes ({recoveryCodes.remaining} left)</Action>
        )}
      </div>
    </section>
  );
}
