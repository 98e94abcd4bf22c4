import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../../base/faults.ts";

const version = 1;

/**
 * A chunk is a run of lines of one service of one environment, so the chunks of a lane (environment and service) follow
 * each other without overlap. `chunk_by_place` contains everything that a search needs before it unpacks a chunk.
 */
const schema = `
CREATE TABLE environment (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  last INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  environment INTEGER NOT NULL REFERENCES environment (id),
  service TEXT NOT NULL,
  UNIQUE (environment, service)
) STRICT;
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY,
  environment INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  count INTEGER NOT NULL,
  min_at INTEGER NOT NULL,
  max_at INTEGER NOT NULL,
  levels INTEGER NOT NULL,
  instances INTEGER NOT NULL,
  min_release INTEGER NOT NULL,
  max_release INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX chunk_by_place
  ON chunk (lane, first, last, min_at, max_at, levels, instances, min_release, max_release);
CREATE INDEX chunk_by_age ON chunk (environment, first, bytes);
CREATE TABLE position (
  name TEXT NOT NULL,
  stream TEXT NOT NULL,
  offset INTEGER NOT NULL,
  PRIMARY KEY (name, stream)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = ${version};
`;

/**
 * Opens or makes the file (mode 0600). `synchronous=NORMAL`: a crash of the process loses nothing; a loss of power may
 * lose the last transactions, whole, so that their lines are read again (sqlite.org/pragma.html#pragma_synchronous).
 * Faults: `journal.newer`, `journal.damaged`.
 */
export function openLogDatabase(file: string): DatabaseSync {
  closeSync(openSync(file, "a", 0o600));
  chmodSync(file, 0o600);
  const database = new DatabaseSync(file, { timeout: 1_000 });
  try {
    prepareDatabase(file, database);
    return database;
  } catch (thrown) {
    database.close();
    throw isDamage(thrown) ? damaged(file, thrown) : thrown;
  }
}

function prepareDatabase(file: string, database: DatabaseSync): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  if (found > version) {
    throw new Fault("journal.newer", `${file} has version ${found}; this Fairlead knows up to ${version}`);
  }
  const tables = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get()?.count;
  if (found === 0 && tables !== 0) throw damaged(file);
  if (found === 0) database.exec("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL");
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216");
  if (found === 0) database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`);
}

/** SQLite's results CORRUPT (11) and NOTADB (26), sqlite.org/rescode.html. */
function isDamage(thrown: unknown): boolean {
  return thrown instanceof Error && "errcode" in thrown && [11, 26].includes(Number(thrown.errcode) & 0xff);
}

function damaged(file: string, cause?: unknown): Fault {
  return new Fault("journal.damaged", `${file} is not a store of log lines`, {
    hint: "Move the file away; a new one is created, and output that is still kept is read again.",
    cause,
  });
}
