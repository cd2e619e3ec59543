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

const ERRORS = "errors { code message field retryAfter }";
const PAYLOAD = `accessToken refreshToken expiresIn user { id username displayName email roles } challenge { token methods passkeyOptions enrolment { secret uri } } recoveryCodes ${ERRORS}`;
const CEREMONY = `challenge options ${ERRORS}`;
const CHALLENGE = `challenge expiresAt resendAfter ${ERRORS}`;

/** The operations that open, refresh, change and end a session. */
export const REGISTER = `mutation Register($input: RegisterInput!) { payload: register(input: $input) { ${PAYLOAD} } }`;
export const LOGIN = `mutation Login($input: LoginInput!) { payload: login(input: $input) { ${PAYLOAD} } }`;
export const REFRESH = `mutation Refresh($input: RefreshInput) { payload: refresh(input: $input) { ${PAYLOAD} } }`;
export const LOGOUT =
  "mutation Logout($input: LogoutInput) { payload: logout(input: $input) { errors { code } } }";
export const CHANGE_PASSWORD = `mutation ChangePassword($input: ChangePasswordInput!) { payload: changePassword(input: $input) { ${PAYLOAD} } }`;
export const REAUTHENTICATE = `mutation Reauthenticate($input: ReauthenticateInput!) { payload: reauthenticate(input: $input) { ${PAYLOAD} } }`;
export const VERIFY_SECOND_FACTOR = `mutation VerifySecondFactor($input: VerifySecondFactorInput!) { payload: verifySecondFactor(input: $input) { ${PAYLOAD} } }`;
export const REQUEST_SECOND_FACTOR_EMAIL = `mutation RequestSecondFactorEmail($input: RequestSecondFactorEmailInput!) { payload: requestSecondFactorEmail(input: $input) { ${CHALLENGE} } }`;
export const START_REAUTHENTICATION = `mutation StartReauthentication { payload: startReauthentication { methods challenge passkeyOptions ${ERRORS} } }`;

/** The operations that an account does with passkeys. */
export const START_PASSKEY = `mutation StartPasskey { payload: startPasskey { ${CEREMONY} } }`;
export const ADD_PASSKEY = `mutation AddPasskey($input: AddPasskeyInput!) { payload: addPasskey(input: $input) { passkey { id name } recoveryCodes ${ERRORS} } }`;
export const START_PASSKEY_LOGIN = `mutation StartPasskeyLogin { payload: startPasskeyLogin { ${CEREMONY} } }`;
export const LOGIN_WITH_PASSKEY = `mutation LoginWithPasskey($input: LoginWithPasskeyInput!) { payload: loginWithPasskey(input: $input) { ${PAYLOAD} } }`;
export const START_PASSKEY_REGISTRATION = `mutation StartPasskeyRegistration($input: StartPasskeyRegistrationInput!) { payload: startPasskeyRegistration(input: $input) { ${CEREMONY} } }`;
export const REGISTER_WITH_PASSKEY = `mutation RegisterWithPasskey($input: RegisterWithPasskeyInput!) { payload: registerWithPasskey(input: $input) { ${PAYLOAD} } }`;

/** The operations that an account does by e-mail. */
export const REQUEST_EMAIL_VERIFICATION = `mutation RequestEmailVerification($input: RequestEmailVerificationInput) { payload: requestEmailVerification(input: $input) { ${CHALLENGE} } }`;
export const VERIFY_EMAIL = `mutation VerifyEmail($input: VerifyEmailInput!) { payload: verifyEmail(input: $input) { ${ERRORS} } }`;
export const REQUEST_PASSWORD_RESET = `mutation RequestPasswordReset($input: RequestPasswordResetInput!) { payload: requestPasswordReset(input: $input) { ${CHALLENGE} } }`;
export const RESET_PASSWORD = `mutation ResetPassword($input: ResetPasswordInput!) { payload: resetPassword(input: $input) { ${PAYLOAD} } }`;
export const REQUEST_LOGIN_EMAIL = `mutation RequestLoginEmail($input: RequestLoginEmailInput!) { payload: requestLoginEmail(input: $input) { ${CHALLENGE} } }`;
export const LOGIN_WITH_EMAIL = `mutation LoginWithEmail($input: LoginWithEmailInput!) { payload: loginWithEmail(input: $input) { ${PAYLOAD} } }`;
export const ACCEPT_INVITATION = `mutation AcceptInvitation($input: AcceptInvitationInput!) { payload: acceptInvitation(input: $input) { ${PAYLOAD} } }`;
export const UNDO_EMAIL_CHANGE = `mutation UndoEmailChange($input: UndoEmailChangeInput!) { payload: undoEmailChange(input: $input) { ${ERRORS} } }`;
