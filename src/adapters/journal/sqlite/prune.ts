import { setImmediate } from "node:timers/promises";
import { type RawBuilder, type SqlBool, sql } from "kysely";
import { auditEntries, type Journal } from "../../../ports/journal.ts";
import { type Database, query } from "./database.ts";

/** Rows per transaction: a few milliseconds, so that a long history does not hold up what else the controller does. */
const batch = 2_000;

/** As the port says, a batch at a time. */
export async function prune(database: Database, before: Parameters<Journal["prune"]>[0]): Promise<void> {
  const unfinished = sql`SELECT id FROM deployment WHERE phase <> 'ended'`;
  const isOver = sql`(deployment IS NULL OR deployment NOT IN (${unfinished}))`;
  const newest = sql`(SELECT max(id) - ${auditEntries} FROM audit)`;
  const old = [
    deletionOf("step", sql`begun_at < ${before.history} AND ${isOver}`),
    deletionOf("event", sql`at < ${before.history} AND ${isOver}`),
    deletionOf("audit", sql`(at < ${before.audit} OR id <= ${newest})`),
  ];
  for (const rows of old) {
    while (database.transaction(() => database.all(rows)).length === batch) await setImmediate();
  }
}

/** The deletion of one batch of those rows of a table for which a condition holds; it gives their ids. */
function deletionOf(table: "step" | "event" | "audit", isOld: RawBuilder<SqlBool>) {
  return query
    .deleteFrom(table)
    .where("id", "in", (from) => from.selectFrom(table).select("id").where(isOld).limit(batch))
    .returning("id");
}
