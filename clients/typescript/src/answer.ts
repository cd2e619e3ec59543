/** A top-level error of an answer. What a person can act on is data instead: `UserError`. */
export interface GraphQLFailure {
  message: string;
  path?: readonly (string | number)[] | undefined;
  extensions?: { code?: string; reason?: string; retryAfter?: number; requestId?: string } | undefined;
}

/** What the server answers to an operation. */
export interface Answer<Data = unknown> {
  data?: Data | null;
  errors?: readonly GraphQLFailure[];
}

/** The server's codes, and two for where there is no answer of the server's. */
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
  /** Nothing came back: no network, no server, or nothing in time. */
  | "NETWORK_ERROR"
  /** What came back is no GraphQL: something else answered in the server's place. */
  | "INVALID_RESPONSE";

/** Thrown where an operation failed for another reason than one that its user can act on. */
export class PortcullisError extends Error {
  override readonly name = "PortcullisError";
  /** What kind of failure it was. */
  readonly code: ErrorCode | (string & {});
  /** All that the server said was wrong. */
  readonly errors: readonly GraphQLFailure[];
  /** What the server answered all the same. */
  readonly data: unknown;
  /** With UNAUTHENTICATED: what was wrong with the access token. */
  readonly reason: string | undefined;
  /** After how many seconds it is worth trying again. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    code: ErrorCode | (string & {}),
    details: { answer?: Answer; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.errors = details.answer?.errors ?? [];
    this.data = details.answer?.data ?? null;
    this.reason = this.errors[0]?.extensions?.reason;
    this.retryAfter = this.errors[0]?.extensions?.retryAfter ?? details.retryAfter;
  }

  /** Whether the server could not be reached, or not do it now. Nobody is signed out by that: try again. */
  get isServerAway(): boolean {
    return ["NETWORK_ERROR", "INVALID_RESPONSE", "SERVICE_UNAVAILABLE"].includes(this.code);
  }
}

/** The data of an answer without errors; throws those of one that has any. */
export function dataOf<Data>(answer: Answer<Data>): Data {
  if (!answer.data || answer.errors?.length) throw failureOf(answer);
  return answer.data;
}

/** What to throw for an answer that is not as it should be. */
export function failureOf(answer: Answer): PortcullisError {
  const [first] = answer.errors ?? [];
  const message = first?.message ?? "The answer lacks what was asked for.";
  return new PortcullisError(message, first?.extensions?.code ?? "INVALID_RESPONSE", { answer });
}

/** Whether a reason is one that the server gives to refuse a token that a newer one may replace. */
export const isRefusal = (reason = "") =>
  ["TOKEN_EXPIRED", "TOKEN_REVOKED", "TOKEN_INVALID"].includes(reason);

/**
 * Whether the server refused the access token and the operation may be sent once more with a fresh one.
 * A mutation may not when a part of it has been carried out.
 */
export function isRefused(answer: Answer, isMutation: boolean): boolean {
  const refused = answer.errors?.some(({ extensions }) => isRefusal(extensions?.reason));
  return (
    Boolean(refused) && !(isMutation && Object.values(answer.data ?? {}).some((value) => value !== null))
  );
}
