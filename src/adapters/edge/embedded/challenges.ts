import { Fault } from "../../../base/faults.ts";
import type { ChallengeAnswer } from "../../../ports/edge.ts";
import type { Target } from "./request-checks.ts";

/** Where certificate authorities ask (RFC 8555 8.3). */
const prefix = "/.well-known/acme-challenge/";
/** base64url, at least 128 bits of it (RFC 8555 8.3); the answer is the token, a dot and a thumbprint (8.1). */
const tokenPattern = /^[A-Za-z0-9_-]{1,200}$/;
const answerPattern = /^[A-Za-z0-9_.-]{1,500}$/;
const mostChallenges = 1_000;

/** The answers to certificate authorities, by token. */
export class Challenges {
  #answers: ReadonlyMap<string, string> = new Map();

  /** Takes a JSON value. Fault `request.invalid`. */
  apply(value: unknown): void {
    const answers = Array.isArray(value) && value.length <= mostChallenges ? (value as ChallengeAnswer[]) : null;
    const good = answers?.every(({ token, answer }) => tokenPattern.test(token) && answerPattern.test(answer));
    if (answers === null || !good) throw new Fault("request.invalid", "These are not answers to ACME challenges.");
    this.#answers = new Map(answers.map(({ token, answer }) => [token, answer]));
  }

  /** The answer to a request, or null when it is none of ours. */
  answer({ path }: Target): string | null {
    if (!path.startsWith(prefix)) return null;
    return this.#answers.get(path.slice(prefix.length)) ?? null;
  }
}
