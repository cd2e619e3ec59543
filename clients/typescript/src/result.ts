/** A top-level error of a response. An error that the user can correct is data: `UserError`. */
export interface GraphQLFormattedError {
  message: string;
  path?: readonly (string | number)[] | undefined;
  extensions?: { code?: string; reason?: string; retryAfter?: number; requestId?: string } | undefined;
}

/** The result of an operation. */
export interface GraphQLResult<Data = unknown> {
  data?: Data | null;
  errors?: readonly GraphQLFormattedError[];
}

/** The error codes of the server, and three of this client. */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "BAD_USER_INPUT"
  | "GRAPHQL_PARSE_FAILED"
  | "GRAPHQL_VALIDATION_FAILED"
  | "OPERATION_LIMIT_EXCEEDED"
  | "PERSISTED_QUERY_NOT_FOUND"
  | "PERSISTED_QUERY_NOT_SUPPORTED"
  | "UNTRUSTED_DOCUMENT"
  | "RATE_LIMITED"
  | "SERVICE_UNAVAILABLE"
  | "INTERNAL_SERVER_ERROR"
  /** There is no response: no network, no server, or a timeout. */
  | "NETWORK_ERROR"
  /** The response is not GraphQL: something other than the server sent it, such as a proxy. */
  | "INVALID_RESPONSE"
  /** The browser has used no passkey: the user has cancelled it, or has none for the page. `cause` has the reason. */
  | "PASSKEY_UNAVAILABLE";

/** The reason of a login that is too old, or was made by too weak a proof (RFC 9470). */
const INSUFFICIENT_LOGIN = "INSUFFICIENT_USER_AUTHENTICATION";

/** The error that is thrown if an operation fails for a reason that the user cannot correct. */
export class PortcullisError extends Error {
  override readonly name = "PortcullisError";
  /** The kind of error. */
  readonly code: ErrorCode | (string & {});
  /** All errors of the response. */
  readonly errors: readonly GraphQLFormattedError[];
  /** The data of the response, if it has both data and errors. */
  readonly data: unknown;
  /** With UNAUTHENTICATED: why the access token was rejected. */
  readonly reason: string | undefined;
  /** The number of seconds to wait before a retry. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    code: ErrorCode | (string & {}),
    details: { result?: GraphQLResult; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.errors = details.result?.errors ?? [];
    this.data = details.result?.data ?? null;
    this.reason = this.errors[0]?.extensions?.reason;
    this.retryAfter = this.errors[0]?.extensions?.retryAfter ?? details.retryAfter;
  }

  /** Whether the server is unreachable or temporarily unavailable. The session is not affected: try again. */
  get isServerUnavailable(): boolean {
    return ["NETWORK_ERROR", "INVALID_RESPONSE", "SERVICE_UNAVAILABLE"].includes(this.code);
  }

  /** Whether the login of the user is too old for the operation: call `reauthenticate`, and repeat it. */
  get requiresRecentLogin(): boolean {
    return this.errors.some(({ extensions }) => extensions?.reason === INSUFFICIENT_LOGIN);
  }
}

/** Returns the data of a result. Throws if the result has errors. */
export function dataOf<Data>(result: GraphQLResult<Data>): Data {
  if (!result.data || result.errors?.length) throw errorOf(result);
  return result.data;
}

/** The error for a result that has errors or no data. */
export function errorOf(result: GraphQLResult): PortcullisError {
  const [first] = result.errors ?? [];
  const message = first?.message ?? "The response has no data.";
  return new PortcullisError(message, first?.extensions?.code ?? "INVALID_RESPONSE", { result });
}

/** Whether the reason is one for which a newer access token may be accepted. */
export const isTokenRejection = (reason = "") =>
  ["TOKEN_EXPIRED", "TOKEN_REVOKED", "TOKEN_INVALID"].includes(reason);

/** Whether the server rejected the access token and the operation may be repeated with a new one. */
export const isTokenRejected = (result: GraphQLResult, isMutation: boolean) =>
  isRefusedFor(isTokenRejection, result, isMutation);

/** Whether the login of the user is too old for the operation, and it may be repeated after another proof. */
export const isLoginTooOld = (result: GraphQLResult, isMutation: boolean) =>
  isRefusedFor((reason) => reason === INSUFFICIENT_LOGIN, result, isMutation);

/** Whether an operation was refused for a reason. A mutation may not be repeated if a part of it was executed. */
function isRefusedFor(matches: (reason?: string) => boolean, result: GraphQLResult, isMutation: boolean): boolean {
  const refused = result.errors?.some(({ extensions }) => matches(extensions?.reason));
  return Boolean(refused) && !(isMutation && Object.values(result.data ?? {}).some((value) => value !== null));
}
