import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { inTransaction } from "../../../host/sqlite.ts";
import type { EnvironmentLog } from "./environment-logs.ts";

/** Chunks deleted and pages freed at once: a few milliseconds, then other work gets its turn. */
const chunksAtOnce = 200;
const pagesAtOnce = 2_000;

/** Deletes the oldest chunks of each of these environments above `bytes`, and frees the disk space. */
export async function cap(database: DatabaseSync, logs: Iterable<EnvironmentLog>, bytes: number): Promise<void> {
  let deleted = false;
  for (const log of logs) {
    while (log.bytes > bytes && deleteOldest(database, log, bytes)) {
      deleted = true;
      await setImmediate();
    }
  }
  if (!deleted) return;
  const count = database.prepare("PRAGMA freelist_count");
  for (let free = Number(count.get()?.freelist_count); free > 0; free -= pagesAtOnce) {
    database.exec(`PRAGMA incremental_vacuum(${pagesAtOnce})`);
    await setImmediate();
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

/** One transaction; returns false if nothing is left. */
function deleteOldest(database: DatabaseSync, log: EnvironmentLog, bytes: number): boolean {
  const oldest = database
    .prepare("SELECT id, bytes FROM chunk WHERE environment = ? ORDER BY first LIMIT ?")
    .all(log.id, chunksAtOnce);
  let left = log.bytes;
  const gone = new Set<number>();
  for (const row of oldest) {
    if (left <= bytes) break;
    left -= Number(row.bytes);
    gone.add(Number(row.id));
  }
  inTransaction(database, () => {
    const remove = database.prepare("DELETE FROM chunk WHERE id = ?");
    for (const id of gone) remove.run(id);
    database.prepare("UPDATE environment SET bytes = ? WHERE id = ?").run(left, log.id);
  });
  log.bytes = left;
  for (const lane of log.lanes.values()) {
    if (lane.open?.row != null && gone.has(lane.open.row)) lane.open = null;
  }
  return gone.size > 0;
}
