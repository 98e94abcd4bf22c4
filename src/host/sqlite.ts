import type { DatabaseSync } from "node:sqlite";

/** Runs `work` in a transaction that may write: all of it is done, or nothing and what it threw is thrown. */
export function inTransaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK"); // SQLite itself rolls back on a full disk
    throw thrown;
  }
}
