import type { UserError } from "./session.js";

/**
 * What proves that an address belongs to the user: the token of the link in a message, on any device, or the code in the
 * message together with the challenge of the request, on the device that has requested it.
 */
export type EmailProof = { token: string } | { code: { challenge: string; code: string } };

/** The challenge of a requested message. It is the same for every address, whether or not an account has it. */
export interface EmailChallenge {
  /** Goes with the code in the message. */
  challenge: string;
  /** The time at which link and code expire. */
  expiresAt: Date;
  /** The number of seconds until another message may be requested. */
  resendAfter: number;
}

/** The result of a request for a message: its challenge, or the errors to show. */
export type EmailRequest =
  | (EmailChallenge & { errors: [] })
  | { challenge: null; expiresAt: null; resendAfter: null; errors: [UserError, ...UserError[]] };

/** The server's payload of every operation that requests a message. */
export interface ChallengePayload {
  challenge: string | null;
  expiresAt: string | null;
  resendAfter: number | null;
  errors: UserError[];
}

export function requestOf(payload: ChallengePayload): EmailRequest | null {
  const { challenge, expiresAt, resendAfter } = payload;
  const [first, ...others] = payload.errors;
  if (first) return { challenge: null, expiresAt: null, resendAfter: null, errors: [first, ...others] };
  if (challenge === null || expiresAt === null) return null;
  return { challenge, expiresAt: new Date(expiresAt), resendAfter: resendAfter ?? 0, errors: [] };
}
