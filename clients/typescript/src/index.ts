export { isTokenRejected, PortcullisError } from "./result.js";
export type { GraphQLResult, ErrorCode, GraphQLFormattedError } from "./result.js";
export type { NamedDocument, TypedDocument } from "./document.js";
export { createPortcullis } from "./portcullis.js";
export type { Portcullis } from "./portcullis.js";
export type { PortcullisOptions, RequestArguments, RequestOptions } from "./options.js";
export { createPasskey, getPasskey, proofOf, supportsPasskeys } from "./passkeys.js";
export type { Passkey, PasskeyLoginOptions, PasskeyOutcome } from "./passkeys.js";
export type { EmailChallenge, EmailProof, EmailRequest } from "./email.js";
export { createStepUp } from "./step-up.js";
export type { StepUp } from "./step-up.js";
export { webStorage } from "./storage.js";
export type { TokenStorage } from "./storage.js";
export type {
  AuthenticationMethod,
  Enrolment,
  EmailCode,
  Outcome,
  SecondFactor,
  State,
  Step,
  User,
  UserError,
  UserErrorCode,
  UserErrors,
} from "./session.js";
