import { setImmediate } from "node:timers/promises";
import { sql } from "kysely";
import { type Database, query } from "./database.ts";

/** Rows per transaction: a few milliseconds, so that a long history does not hold up what else the controller does. */
const batch = 2_000;

/** Deletes steps and events older than `before`, but for those of deployments that have not ended. */
export async function prune(database: Database, before: number): Promise<void> {
  const unfinished = () => query.selectFrom("deployment").select("id").where("phase", "<>", sql.lit("ended"));
  const steps = query
    .deleteFrom("step")
    .where("id", "in", (from) =>
      from
        .selectFrom("step")
        .select("id")
        .where("begun_at", "<", before)
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
        .where("at", "<", before)
        .where((or) => or.or([or("deployment", "is", null), or("deployment", "not in", unfinished())]))
        .limit(batch),
    )
    .returning("id");
  for (const rows of [steps, events]) {
    while (database.transaction(() => database.all(rows)).length === batch) await setImmediate();
  }
}
