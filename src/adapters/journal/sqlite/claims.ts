import { canonicalJson } from "../../../base/digest.ts";
import type { ClaimBook, IdempotentAnswer } from "../../../ports/journal/claims.ts";
import { type Database, type RowOf, select } from "./database.ts";
import { parsedOrNull } from "./records.ts";
import type { Migration } from "./schema.ts";
import type { Writes } from "./writes.ts";

/** How long an Idempotency-Key is remembered (ports/journal/claims.ts). */
const claimMs = 24 * 60 * 60 * 1_000;

const columns = { request_digest: "text", status: "integer?", body: "text?", outcome: "text?" } as const;
const one = select(columns, "FROM claim WHERE key = ?");
const idle = "DELETE FROM claim WHERE status IS NULL AND outcome IS NULL";

/** The book of Idempotency-Keys. A claim that came to nothing belongs to a process that is gone: it is forgotten. */
export function claimBook(database: Database): ClaimBook {
  database.transaction(() => database.run(idle));
  return {
    claim: async (key, requestDigest, now) =>
      database.transaction(() => {
        database.run("DELETE FROM claim WHERE claimed_at <= ?", now - claimMs);
        const known = database.first(one, key);
        if (known) return toAnswer(known);
        database.insert("claim", { key, request_digest: requestDigest, claimed_at: now });
        return null;
      }),
    answer: async (key, { status, body }) => {
      database.transaction(() =>
        database.run("UPDATE claim SET status = ?, body = ? WHERE key = ?", status, body, key),
      );
    },
    disclaim: async (key) => {
      database.transaction(() => database.run(`${idle} AND key = ?`, key));
    },
  };
}

function toAnswer({ request_digest: requestDigest, status, body, outcome }: RowOf<typeof columns>): IdempotentAnswer {
  return { requestDigest, status, body, outcome: parsedOrNull(outcome, "outcome") };
}

export const claimWrites: Writes<"claim.done"> = {
  "claim.done": (database, { claim, outcome }) =>
    database.run("UPDATE claim SET outcome = ? WHERE key = ?", canonicalJson(outcome), claim),
};

export const outcomeColumn: Migration = {
  name: "what a request came to whose answer was lost",
  sql: `
ALTER TABLE claim ADD COLUMN outcome TEXT;
`,
};
