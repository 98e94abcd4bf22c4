import { challengePrefix, checkChallenges } from "../table/challenges.ts";
import type { RequestTarget } from "./request-checks.ts";

/** The answers to certificate authorities, by token. */
export class Challenges {
  #answers: ReadonlyMap<string, string> = new Map();

  /** Takes a JSON value. Fault `request.invalid`. */
  apply(value: unknown): void {
    this.#answers = checkChallenges(value);
  }

  /** The answer to a request, or null when it is none of ours. */
  answer({ path }: RequestTarget): string | null {
    if (!path.startsWith(challengePrefix)) return null;
    return this.#answers.get(path.slice(challengePrefix.length)) ?? null;
  }
}
