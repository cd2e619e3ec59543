export { isTokenRejected, PortcullisError } from "./result.js";
export type { GraphQLResult, ErrorCode, GraphQLFormattedError } from "./result.js";
export type { NamedDocument, TypedDocument } from "./document.js";
export { createPortcullis } from "./portcullis.js";
export type { Portcullis, PortcullisOptions, RequestArguments, RequestOptions } from "./portcullis.js";
export type { EmailChallenge, EmailProof, EmailRequest } from "./email.js";
export { webStorage } from "./storage.js";
export type { TokenStorage } from "./storage.js";
export type {
  AuthenticationMethod,
  Outcome,
  SecondFactor,
  State,
  User,
  UserError,
  UserErrorCode,
} from "./session.js";
