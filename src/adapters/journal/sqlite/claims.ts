import type { Selectable } from "kysely";
import type { IdempotentAnswer, Journal } from "../../../ports/journal.ts";
import { type Database, query } from "./database.ts";
import type { Tables } from "./schema.ts";

/** How long an Idempotency-Key is remembered (ports/journal.ts). */
const claimMs = 24 * 60 * 60 * 1_000;

/** The journal's book of Idempotency-Keys. A claim that came to nothing belongs to a process that is gone: it is forgotten. */
export function claims(database: Database): Pick<Journal, "claim" | "answer" | "disclaim"> {
  const idle = query.deleteFrom("claim").where("status", "is", null).where("outcome", "is", null);
  database.transaction(() => database.run(idle));
  return {
    claim: async (key, requestDigest, now) =>
      database.transaction(() => {
        database.run(query.deleteFrom("claim").where("claimed_at", "<=", now - claimMs));
        const known = database.first(query.selectFrom("claim").selectAll().where("key", "=", key));
        if (known) return toAnswer(known);
        database.run(query.insertInto("claim").values({ key, request_digest: requestDigest, claimed_at: now }));
        return null;
      }),
    answer: async (key, { status, body }) => {
      database.transaction(() => database.run(query.updateTable("claim").set({ status, body }).where("key", "=", key)));
    },
    disclaim: async (key) => {
      database.transaction(() => database.run(idle.where("key", "=", key)));
    },
  };
}

function toAnswer({
  request_digest: requestDigest,
  status,
  body,
  outcome,
}: Selectable<Tables["claim"]>): IdempotentAnswer {
  return { requestDigest, status, body, outcome: outcome === null ? null : JSON.parse(outcome) };
}
