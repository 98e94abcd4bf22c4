import { setImmediate } from "node:timers/promises";
import { sql } from "kysely";
import { auditEntries, type Journal } from "../../../ports/journal.ts";
import { type Database, query } from "./database.ts";

/** Rows per transaction: a few milliseconds, so that a long history does not hold up what else the controller does. */
const batch = 2_000;

/** As the port says, a batch at a time. */
export async function prune(database: Database, before: Parameters<Journal["prune"]>[0]): Promise<void> {
  const unfinished = () => query.selectFrom("deployment").select("id").where("phase", "<>", sql.lit("ended"));
  const steps = query
    .deleteFrom("step")
    .where("id", "in", (from) =>
      from
        .selectFrom("step")
        .select("id")
        .where("begun_at", "<", before.history)
        .where((or) => or.or([or("deployment", "is", null), or("deployment", "not in", unfinished())]))
        .limit(batch),
    )
    .returning("id");
  const events = query
    .deleteFrom("event")
    .where("id", "in", (from) =>
      from
        .selectFrom("event")
        .select("id")
        .where("at", "<", before.history)
        .where((or) => or.or([or("deployment", "is", null), or("deployment", "not in", unfinished())]))
        .limit(batch),
    )
    .returning("id");
  const surplus = query.selectFrom("audit").select((row) => row(row.fn.max("id"), "-", auditEntries).as("id"));
  const audit = query
    .deleteFrom("audit")
    .where("id", "in", (from) =>
      from
        .selectFrom("audit")
        .select("id")
        .where((or) => or.or([or("at", "<", before.audit), or("id", "<=", surplus)]))
        .limit(batch),
    )
    .returning("id");
  for (const rows of [steps, events, audit]) {
    while (database.transaction(() => database.all(rows)).length === batch) await setImmediate();
  }
}
