import type { UserError } from "@portcullis/client";

import { session } from "./session";

/** The factors of the signed-in user. */
export interface Factors {
  totp: { createdAt: string; lastUsedAt: string | null } | null;
  recoveryCodes: { total: number; remaining: number } | null;
  passkeys: { nodes: Passkey[] };
}

export interface Passkey {
  id: string;
  name: string;
  authenticator: string | null;
  createdAt: string;
  lastUsedAt: string | null;
}

interface Payload {
  errors: UserError[];
}

interface CodesPayload extends Payload {
  codes: string[] | null;
}

const ERRORS = "errors { code message field retryAfter }";

export const loadFactors = async () =>
  (
    await session().request<{ me: Factors }>(`query Factors {
      me {
        totp { createdAt lastUsedAt }
        recoveryCodes { total remaining }
        passkeys(first: 20) { nodes { id name authenticator createdAt lastUsedAt } }
      }
    }`)
  ).me;

export const startTotp = () =>
  mutate<Payload & { secret: string | null; uri: string | null }>(
    `mutation StartTotp { payload: startTotp { secret uri ${ERRORS} } }`,
  );

export const confirmTotp = (input: { code: string }) =>
  mutate<CodesPayload>(
    `mutation ConfirmTotp($input: ConfirmTotpInput!) { payload: confirmTotp(input: $input) { codes ${ERRORS} } }`,
    { input },
  );

export const removeTotp = () => mutate<Payload>(`mutation RemoveTotp { payload: removeTotp { ${ERRORS} } }`);

export const createRecoveryCodes = () =>
  mutate<CodesPayload>(`mutation CreateRecoveryCodes { payload: createRecoveryCodes { codes ${ERRORS} } }`);

export const renamePasskey = (input: { id: string; name: string }) =>
  mutate<Payload>(
    `mutation RenamePasskey($input: RenamePasskeyInput!) { payload: renamePasskey(input: $input) { ${ERRORS} } }`,
    { input },
  );

export const deletePasskey = (input: { id: string }) =>
  mutate<Payload>(
    `mutation DeletePasskey($input: DeletePasskeyInput!) { payload: deletePasskey(input: $input) { ${ERRORS} } }`,
    { input },
  );

async function mutate<Data>(document: string, variables: object = {}): Promise<Data> {
  return (await session().request<{ payload: Data }>(document, variables)).payload;
}
