import { setImmediate } from "node:timers/promises";
import { type Compilable, type RawBuilder, type SqlBool, sql } from "kysely";
import { auditEntries, type Journal, type Keep } from "../../../ports/journal.ts";
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

/** As the port says, a batch of deployments at a time. */
export async function thin(database: Database, environment: string, keep: Keep): Promise<void> {
  const serving = sql`(SELECT json_each.value FROM environment, json_each(environment.serving, '$.generations')
    WHERE environment.key = ${environment})`;
  const old = query
    .selectFrom("deployment")
    .select("id")
    .where("environment", "=", environment)
    .where("phase", "=", "ended")
    .where("id", "not in", serving as never)
    .where("place", "<", newest(environment, "place", keep.newestDeployments))
    .limit(batch / 10);
  while (database.transaction(() => deleteDeployments(database, old)) > 0) await setImmediate();
  database.transaction(() => {
    const oldest = newest(environment, "number", keep.newestReleases);
    for (const table of ["live_release", "release"] as const) {
      const rows = query.deleteFrom(table).where("environment", "=", environment).where("number", "<", oldest);
      database.run(keep.releases.length === 0 ? rows : rows.where("number", "not in", keep.releases));
    }
  });
}

/** The last of the newest so many; null, which nothing is less than, when there are no more. */
function newest(environment: string, column: "place" | "number", count: number) {
  const table = column === "place" ? sql`deployment` : sql`release`;
  return sql<number>`(SELECT ${sql.ref(column)} FROM ${table} WHERE environment = ${environment}
    ORDER BY ${sql.ref(column)} DESC LIMIT 1 OFFSET ${count - 1})`;
}

function deleteDeployments(database: Database, rows: Compilable<{ id: string }>): number {
  const ids = database.all(rows).map(({ id }) => id);
  if (ids.length === 0) return 0;
  for (const table of ["step", "event"] as const) database.run(query.deleteFrom(table).where("deployment", "in", ids));
  database.run(query.deleteFrom("deployment").where("id", "in", ids));
  return ids.length;
}

/** As the port says. */
export function forget(database: Database, environment: string, endedBefore: number): void {
  const preview = query
    .selectFrom("environment")
    .select("key")
    .where("key", "=", environment)
    .where(sql<number>`json_extract(preview, '$.endedAt')`, "<", endedBefore);
  const open = query
    .selectFrom("deployment")
    .select("id")
    .where("environment", "=", environment)
    .where("phase", "<>", sql.lit("ended"));
  database.transaction(() => {
    if (!database.first(preview) || database.first(open)) return;
    for (const table of ["step", "event", "facts", "value", "live_release", "deployment", "release"] as const) {
      database.run(query.deleteFrom(table).where("environment", "=", environment));
    }
    database.run(query.deleteFrom("environment").where("key", "=", environment));
  });
}
