import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isDeepStrictEqual } from "node:util";
import { Fault, isErrno } from "../../../base/faults.ts";
import { deleteFlat } from "../../../host/tree.ts";
import { type Database, isSqliteDamage, openJournalDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";
import { applicationId, checksum, type Migration, migrationTable } from "./schema.ts";
import { alteredRow } from "./sums.ts";

export interface Opening {
  readonly migrations: readonly Migration[];
  readonly now: number;
  /** Whose journal it must be; null: whosever it is. */
  readonly installation?: string | null;
}

/**
 * Opens a journal's file, or makes it, and brings it to the newest migration. Faults: `journal.newer`, `journal.damaged`,
 * `journal.lost`; all leave every byte of it as it was.
 */
export function openFile(file: string, { migrations, now, installation = null }: Opening): Database {
  if (existsSync(file)) {
    inspect(file, { migrations, installation });
    chmodSync(file, 0o600);
    migrate(file, migrations, now);
  } else {
    if (existsSync(`${file}-wal`)) throw damaged(file, "its main file is missing");
    create(file, migrations, now);
  }
  return openJournalDatabase(file);
}

/** Makes it under another name first: what bears the journal's name is complete, so an empty file is a damaged one. */
function create(file: string, migrations: readonly Migration[], now: number): void {
  const fresh = `${file}.new`;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(fresh + suffix, { force: true });
  closeSync(openSync(fresh, "wx", 0o600)); // SQLite gives its other files the mode of this one
  migrate(fresh, migrations, now);
  renameSync(fresh, file);
  const directory = openSync(dirname(file), "r");
  fsyncSync(directory); // makes the rename durable
  closeSync(directory);
}

/**
 * Looks at a journal without touching it. Even a read-only connection writes beside a database in WAL mode, therefore it
 * works in a directory of its own, with a second name for the main file, which it cannot write, and a copy of the log.
 */
function inspect(file: string, wanted: Wanted): void {
  const directory = `${file}.check`;
  deleteFlat(directory); // of a process that died while it looked
  mkdirSync(directory, { mode: 0o700 });
  try {
    const view = join(directory, "journal.db");
    linkOrCopy(file, view);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${view}-wal`);
    judge(file, view, wanted);
  } finally {
    deleteFlat(directory);
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (thrown) {
    if (!isErrno(thrown, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")) throw thrown;
    copyFileSync(from, to); // a file system without hard links
  }
}

interface Wanted {
  readonly migrations: readonly Migration[];
  readonly installation: string | null;
}

function judge(file: string, view: string, wanted: Wanted): void {
  try {
    const connection = new DatabaseSync(view, { readOnly: true });
    try {
      judgeContent(file, connection, wanted.migrations);
      judgeOwner(file, connection, wanted.installation);
    } finally {
      connection.close();
    }
  } catch (thrown) {
    if (!isSqliteDamage(thrown)) throw thrown;
    throw damaged(file, "it is not a whole SQLite database", thrown);
  }
}

function judgeContent(file: string, connection: DatabaseSync, migrations: readonly Migration[]): void {
  const found = connection.prepare("PRAGMA application_id").get()?.application_id;
  if (found !== applicationId) throw damaged(file, "it is empty, or the database of another program");
  const version = Number(connection.prepare("PRAGMA user_version").get()?.user_version);
  if (version > migrations.length) {
    throw new Fault("journal.newer", `${file} has version ${version}; this Fairlead knows up to ${migrations.length}`);
  }
  const verdict = connection.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
  if (verdict !== "ok") throw damaged(file, "its pages contradict each other");
  const done = connection.prepare("SELECT number, checksum FROM migration ORDER BY number").all();
  if (done.length !== version) throw damaged(file, "its list of migrations is not complete");
  for (const [index, row] of done.entries()) {
    const ours = migrations[index];
    if (ours && checksum(ours) !== row.checksum) {
      throw new Fault(
        "journal.newer",
        `${file} was written by a Fairlead version whose migration ${index + 1} differs`,
      );
    }
  }
  judgeSchema(file, connection, migrations.slice(0, version));
  const altered = alteredRow(connection);
  if (altered !== null) throw damaged(file, `${altered} is not what was written`);
}

/** A flipped bit may also be in what SQLite keeps of the tables themselves. */
function judgeSchema(file: string, connection: DatabaseSync, migrations: readonly Migration[]): void {
  const fresh = new DatabaseSync(":memory:");
  try {
    fresh.exec(migrationTable);
    for (const { sql } of migrations) fresh.exec(sql);
    if (!isDeepStrictEqual(schemaOf(connection), schemaOf(fresh)))
      throw damaged(file, "its tables are not the journal's");
  } finally {
    fresh.close();
  }
}

/** Columns and indexes, and not the text that made them, which is SQLite's to write. */
function schemaOf(connection: DatabaseSync): unknown {
  const all = (sql: string) => connection.prepare(sql).all();
  return [
    all(`SELECT t.name AS "table", c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_schema t,
      pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid`),
    all(`SELECT i.name, i.tbl_name, c.name AS column FROM sqlite_schema i, pragma_index_info(i.name) c
      WHERE i.type = 'index' AND i.name NOT LIKE 'sqlite_%' ORDER BY i.name, c.seqno`),
  ];
}

/** A journal of before it said whose it is belongs to whoever opens it. */
function judgeOwner(file: string, connection: DatabaseSync, installation: string | null): void {
  const says = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'installation'").get();
  const owner = says && connection.prepare("SELECT id FROM installation").get()?.id;
  if (!owner || installation === null || owner === installation) return;
  const kept = join(dirname(file), "installation");
  throw new Fault("journal.lost", `${file} is the journal of installation ${owner}, and this one is ${installation}`, {
    hint: `Put the journal of this one back. To use this one instead, delete ${kept}; \`controller --new\` starts with an empty one.`,
  });
}

function damaged(file: string, why: string, cause?: unknown): Fault {
  return new Fault("journal.damaged", `${file} cannot be used: ${why}`, { cause });
}
