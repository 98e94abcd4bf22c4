import { setImmediate } from "node:timers/promises";
import { auditEntries } from "../../../ports/journal/audit.ts";
import type { Journal, Keep } from "../../../ports/journal.ts";
import { tablesOfEnvironment } from "./books.ts";
import { type Database, select } from "./database.ts";

/** Rows per transaction: a few milliseconds, so that a long history does not hold up what else the controller does. */
const batch = 2_000;

/** As the port says, a batch at a time. */
export async function prune(database: Database, before: Parameters<Journal["prune"]>[0]): Promise<void> {
  const isOver = `(deployment IS NULL OR deployment NOT IN (SELECT id FROM deployment WHERE phase <> 'ended'))`;
  const old = [
    ["step", `begun_at < ? AND ${isOver}`, before.history],
    ["event", `at < ? AND ${isOver}`, before.history],
    ["audit", `(at < ? OR id <= (SELECT max(id) - ${auditEntries} FROM audit))`, before.audit],
  ] as const;
  for (const [table, isOld, time] of old) {
    const sql = `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE ${isOld} LIMIT ${batch})`;
    while (database.transaction(() => database.run(sql, time)) === batch) await setImmediate();
  }
}

/** Those after the newest so many; fewer than those make the subquery null, which nothing is less than. */
const oldDeployments = select(
  { id: "text" },
  `FROM deployment WHERE environment = ?1 AND phase = 'ended'
    AND id NOT IN (SELECT json_each.value FROM environment, json_each(environment.serving, '$.generations')
      WHERE environment.key = ?1)
    AND place < (SELECT place FROM deployment WHERE environment = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)
    LIMIT ${batch / 10}`,
);

/** As the port says, a batch of deployments at a time. */
export async function thin(database: Database, environment: string, keep: Keep): Promise<void> {
  while (database.transaction(() => deleteDeployments(database, environment, keep)) > 0) await setImmediate();
  const oldest = "SELECT number FROM release WHERE environment = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2";
  const kept = JSON.stringify(keep.releases);
  database.transaction(() => {
    for (const table of ["live_release", "release"]) {
      const sql = `DELETE FROM ${table} WHERE environment = ?1 AND number < (${oldest})
        AND number NOT IN (SELECT value FROM json_each(?3))`;
      database.run(sql, environment, keep.newestReleases - 1, kept);
    }
  });
}

function deleteDeployments(database: Database, environment: string, keep: Keep): number {
  const rows = database.all(oldDeployments, environment, keep.newestDeployments - 1);
  const ids = JSON.stringify(rows.map(({ id }) => id));
  if (rows.length === 0) return 0;
  for (const table of ["step", "event"]) {
    database.run(`DELETE FROM ${table} WHERE deployment IN (SELECT value FROM json_each(?))`, ids);
  }
  return database.run("DELETE FROM deployment WHERE id IN (SELECT value FROM json_each(?))", ids);
}

const goneLongAgo = select(
  { key: "text" },
  "FROM environment WHERE key = ? AND json_extract(preview, '$.endedAt') < ?",
);
const underWay = select({ id: "text" }, "FROM deployment WHERE environment = ? AND phase <> 'ended' LIMIT 1");

/** As the port says. */
export function forget(database: Database, environment: string, endedBefore: number): void {
  database.transaction(() => {
    if (!database.first(goneLongAgo, environment, endedBefore) || database.first(underWay, environment)) return;
    for (const table of tablesOfEnvironment) database.run(`DELETE FROM ${table} WHERE environment = ?`, environment);
    database.run("DELETE FROM environment WHERE key = ?", environment);
  });
}
