/**
 * A GraphQL document with types, as GraphQL Code Generator generates it with `documentMode: "string"`.
 * A plain string is also accepted; its types are unknown.
 */
export interface TypedDocument<Data, Variables> extends String {
  __apiType?: (variables: Variables) => Data;
}

/** A persisted document: its hash, or its id in a manifest of trusted documents. */
export interface NamedDocument {
  id: string;
  isMutation: boolean;
}

/** Whether a document may contain a mutation. The word in a comment also counts. */
export const isMutation = (document: string | NamedDocument) =>
  typeof document === "string" ? /\bmutation\b/.test(document) : document.isMutation;

const PAYLOAD =
  "accessToken refreshToken expiresIn user { id username displayName email roles } errors { code message field retryAfter }";

/** The operations that open, refresh, change and end a session. */
export const REGISTER = `mutation Register($input: RegisterInput!) { payload: register(input: $input) { ${PAYLOAD} } }`;
export const LOGIN = `mutation Login($input: LoginInput!) { payload: login(input: $input) { ${PAYLOAD} } }`;
export const REFRESH = `mutation Refresh($input: RefreshInput) { payload: refresh(input: $input) { ${PAYLOAD} } }`;
export const LOGOUT =
  "mutation Logout($input: LogoutInput) { payload: logout(input: $input) { errors { code } } }";
export const CHANGE_PASSWORD = `mutation ChangePassword($input: ChangePasswordInput!) { payload: changePassword(input: $input) { ${PAYLOAD} } }`;
