import { Fault, unreachable } from "../../base/faults.ts";
import type { AccessToken } from "../../model/access-token.ts";
import type { AuditEntry } from "../../model/audit.ts";
import { sameKey } from "../../model/environment.ts";
import { type AuditBook, type AuditChange, auditEntries } from "../../ports/journal/audit.ts";
import type { ClaimBook, ClaimChange, IdempotentAnswer } from "../../ports/journal/claims.ts";
import type { TokenBook, TokenChange } from "../../ports/journal/tokens.ts";
import type { Change } from "../../ports/journal.ts";

const dayMs = 86_400_000;

/** The simulated journal's books about the whole controller. */
export class ControllerBooks {
  #audit: AuditEntry[] = [];
  #lastEntry = 0;
  readonly #tokens = new Map<string, AccessToken>();
  readonly #claims = new Map<string, IdempotentAnswer & { readonly at: number }>();

  readonly audit: AuditBook = {
    page: async ({ key, since = 0, before = Number.MAX_SAFE_INTEGER, limit }) =>
      this.#audit
        .filter((entry) => entry.id < before && entry.at >= since)
        .filter((entry) => !key || (entry.key !== null && sameKey(entry.key, key)))
        .reverse()
        .slice(0, limit),
  };

  readonly tokens: TokenBook = {
    find: async (name) => this.#tokens.get(name) ?? null,
    all: async () => [...this.#tokens.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };

  readonly claims: ClaimBook = {
    claim: async (idempotencyKey, requestDigest, now) => {
      const known = this.#claims.get(idempotencyKey);
      if (known && now - known.at <= dayMs) {
        const { at: _at, ...rest } = known;
        return rest;
      }
      this.#claims.set(idempotencyKey, { requestDigest, status: null, body: null, outcome: null, at: now });
      return null;
    },
    answer: async (idempotencyKey, answer) => this.#claimed(idempotencyKey, answer),
    disclaim: async (idempotencyKey) => {
      if (this.#claims.get(idempotencyKey)?.outcome === null) this.#claims.delete(idempotencyKey);
    },
  };

  refuseTakenName(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== "token.created" || !this.#tokens.has(change.token.name)) continue;
      throw new Fault("token.name-taken", `there is a token ${change.token.name} already`);
    }
  }

  write(change: AuditChange | ClaimChange | TokenChange): void {
    switch (change.kind) {
      case "audit":
        this.#lastEntry += 1;
        this.#audit.push({ ...change.entry, id: this.#lastEntry });
        return;
      case "claim.done":
        return this.#claimed(change.claim, { outcome: change.outcome });
      case "token.created":
        this.#tokens.set(change.token.name, change.token);
        return;
      case "token.used": {
        const token = this.#tokens.get(change.name);
        if (token) this.#tokens.set(change.name, { ...token, usedAt: change.at });
        return;
      }
      case "token.revoked":
        this.#tokens.delete(change.name);
        return;
      default:
        return unreachable(change);
    }
  }

  /** Claims that came to nothing, of a process that is gone. */
  forgetIdleClaims(): void {
    for (const [key, { status, outcome }] of this.#claims) {
      if (status === null && outcome === null) this.#claims.delete(key);
    }
  }

  pruneAudit(before: number): void {
    this.#audit = this.#audit.filter(({ at, id }) => at >= before && id > this.#lastEntry - auditEntries);
  }

  #claimed(idempotencyKey: string, more: Partial<IdempotentAnswer>): void {
    const known = this.#claims.get(idempotencyKey);
    if (known) this.#claims.set(idempotencyKey, { ...known, ...more });
  }
}
