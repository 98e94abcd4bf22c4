import type { Journal } from "../../../ports/journal.ts";
import { type Database, query } from "./database.ts";

/** How long an Idempotency-Key is remembered (ports/journal.ts). */
const claimMs = 24 * 60 * 60 * 1_000;

/** The journal's book of Idempotency-Keys. A claim without an answer belongs to a process that is gone: it is forgotten. */
export function claims(database: Database): Pick<Journal, "claim" | "answer" | "disclaim"> {
  database.transaction(() => database.run(query.deleteFrom("claim").where("status", "is", null)));
  return {
    claim: async (key, requestDigest, now) =>
      database.transaction(() => {
        database.run(query.deleteFrom("claim").where("claimed_at", "<=", now - claimMs));
        const known = database.first(query.selectFrom("claim").selectAll().where("key", "=", key));
        if (known) return { requestDigest: known.request_digest, status: known.status, body: known.body };
        database.run(query.insertInto("claim").values({ key, request_digest: requestDigest, claimed_at: now }));
        return null;
      }),
    answer: async (key, { status, body }) => {
      database.transaction(() => database.run(query.updateTable("claim").set({ status, body }).where("key", "=", key)));
    },
    disclaim: async (key) => {
      database.transaction(() => database.run(query.deleteFrom("claim").where("key", "=", key)));
    },
  };
}
