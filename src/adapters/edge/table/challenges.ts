import { Fault } from "../../../base/faults.ts";
import type { ChallengeAnswer } from "../../../ports/edge.ts";

/** Where certificate authorities ask (RFC 8555 8.3). */
export const challengePrefix = "/.well-known/acme-challenge/";
/** base64url, at least 128 bits of it (RFC 8555 8.3); the answer is the token, a dot and a thumbprint (8.1). */
const tokenPattern = /^[A-Za-z0-9_-]{1,200}$/;
const answerPattern = /^[A-Za-z0-9_.-]{1,500}$/;
const mostChallenges = 1_000;

/** The answers in a JSON value, by token. Fault `request.invalid`. */
export function checkChallenges(value: unknown): ReadonlyMap<string, string> {
  const answers = Array.isArray(value) && value.length <= mostChallenges ? (value as ChallengeAnswer[]) : null;
  const good = answers?.every(({ token, answer }) => tokenPattern.test(token) && answerPattern.test(answer));
  if (answers === null || !good) throw new Fault("request.invalid", "These are not answers to ACME challenges.");
  return new Map(answers.map(({ token, answer }) => [token, answer]));
}
