import { Fault } from "../../base/faults.ts";
import type { AccessToken } from "../../model/access-token.ts";
import type { AuditEntry } from "../../model/audit.ts";
import type { Change, ControllerChange } from "../../model/change.ts";
import { sameKey } from "../../model/environment.ts";
import { auditEntries, type Journal } from "../../ports/journal.ts";

/** What the simulated journal has of the whole controller. */
export class ControllerBook {
  #audit: AuditEntry[] = [];
  #lastEntry = 0;
  readonly #tokens = new Map<string, AccessToken>();

  refuseTakenName(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== "token.created" || !this.#tokens.has(change.token.name)) continue;
      throw new Fault("token.name-taken", `there is a token ${change.token.name} already`);
    }
  }

  write(change: Exclude<ControllerChange, { kind: "claim.done" }>): void {
    switch (change.kind) {
      case "audit":
        this.#lastEntry += 1;
        this.#audit.push({ ...change.entry, id: this.#lastEntry });
        return;
      case "token.created":
        this.#tokens.set(change.token.name, change.token);
        return;
      case "token.used": {
        const token = this.#tokens.get(change.name);
        if (token) this.#tokens.set(change.name, { ...token, usedAt: change.at });
        return;
      }
      default:
        this.#tokens.delete(change.name);
    }
  }

  /** Newest first. */
  audit(filter: Parameters<Journal["audit"]>[0]): readonly AuditEntry[] {
    const { key, since = 0, before = Number.MAX_SAFE_INTEGER, limit } = filter;
    return this.#audit
      .filter((entry) => entry.id < before && entry.at >= since)
      .filter((entry) => !key || (entry.key !== null && sameKey(entry.key, key)))
      .reverse()
      .slice(0, limit);
  }

  pruneAudit(before: number): void {
    this.#audit = this.#audit.filter(({ at, id }) => at >= before && id > this.#lastEntry - auditEntries);
  }

  /** By name. */
  tokens(): readonly AccessToken[] {
    return [...this.#tokens.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
