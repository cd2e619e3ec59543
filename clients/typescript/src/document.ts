/**
 * GraphQL text that knows its types, such as GraphQL Code Generator makes with `documentMode: "string"`.
 * A plain string is one, too, of unknown types.
 */
export interface TypedDocument<Data, Variables> extends String {
  __apiType?: (variables: Variables) => Data;
}

/** A document that the server knows by name: its hash, or its name in a manifest of trusted documents. */
export interface NamedDocument {
  id: string;
  isMutation: boolean;
}

/** Whether a document may hold a mutation. A comment that only speaks of one counts as well. */
export const isMutation = (document: string | NamedDocument) =>
  typeof document === "string" ? /\bmutation\b/.test(document) : document.isMutation;

const PAYLOAD =
  "accessToken refreshToken expiresIn user { id username displayName email roles } errors { code message field retryAfter }";

/** The operations of a session. */
export const REGISTER = `mutation Register($input: RegisterInput!) { payload: register(input: $input) { ${PAYLOAD} } }`;
export const LOGIN = `mutation Login($input: LoginInput!) { payload: login(input: $input) { ${PAYLOAD} } }`;
export const REFRESH = `mutation Refresh($input: RefreshInput) { payload: refresh(input: $input) { ${PAYLOAD} } }`;
export const LOGOUT =
  "mutation Logout($input: LogoutInput) { payload: logout(input: $input) { errors { code } } }";
export const CHANGE_PASSWORD = `mutation ChangePassword($input: ChangePasswordInput!) { payload: changePassword(input: $input) { ${PAYLOAD} } }`;
