import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely";
import { inTransaction } from "../../../host/sqlite.ts";
import { applicationId, checksum, type Migration, migrationTable, type Tables } from "./schema.ts";
import { keepSums, renewSums } from "./sums.ts";

/** kysely as a typed writer of SQL; it never runs anything, because node:sqlite is synchronous and kysely is not. */
export const query = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** Runs queries on one connection, each statement prepared once. Being synchronous, a transaction cannot be interleaved. */
export interface Database {
  all<Row>(query: Compilable<Row>): Row[];
  first<Row>(query: Compilable<Row>): Row | undefined;
  /** Runs a change; the answer is the id of the row it inserted. */
  run(query: Compilable): number;
  /** All of it or nothing; on disk when it returns. */
  transaction<Result>(work: () => Result): Result;
  close(): void;
}

/** SQLite's result codes (sqlite.org/rescode.html); the lowest byte is the primary one. */
export const sqliteCodes = { busy: 5, corrupt: 11, constraint: 19, notADatabase: 26 } as const;

/** Whether an error is SQLite's about what a file holds: of a file that is well there is none but want of memory, room or access. */
export function isSqliteDamage(thrown: unknown): boolean {
  if (!(thrown instanceof Error && "errcode" in thrown)) return false;
  return [1, 11, 20, 24, 26].includes(Number(thrown.errcode) & 0xff); // ERROR, CORRUPT, MISMATCH, FORMAT, NOTADB
}

/** Whether an error is SQLite's with one of these primary result codes. */
export function isSqlite(thrown: unknown, ...codes: readonly number[]): boolean {
  return thrown instanceof Error && "errcode" in thrown && codes.includes(Number(thrown.errcode) & 0xff);
}

/**
 * Opens an existing file for reading and writing. `synchronous=FULL` syncs the write-ahead log once per commit, so a
 * commit survives a loss of power (sqlite.org/pragma.html#pragma_synchronous).
 */
export function openDatabase(file: string): Database {
  const connection = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
  connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;");
  keepSums(connection);
  return wrap(connection);
}

function wrap(connection: DatabaseSync): Database {
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known) return known;
    const statement = connection.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  return {
    all<Row>(wanted: Compilable<Row>) {
      const { sql, parameters } = wanted.compile();
      return prepare(sql).all(...(parameters as Parameter[])) as Row[];
    },
    first<Row>(wanted: Compilable<Row>) {
      const { sql, parameters } = wanted.compile();
      return prepare(sql).get(...(parameters as Parameter[])) as Row | undefined;
    },
    run(change) {
      const { sql, parameters } = change.compile();
      return Number(prepare(sql).run(...(parameters as Parameter[])).lastInsertRowid);
    },
    transaction: (work) => inTransaction(connection, work),
    close: () => connection.close(),
  };
}

type Parameter = string | number | null;

/** Runs the migrations that a database lacks; each is one transaction, so a crash leaves none half done. */
export function migrate(file: string, migrations: readonly Migration[], now: number): void {
  const connection = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
  try {
    connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const row = connection.prepare("PRAGMA user_version").get();
    for (let done = Number(row?.user_version); done < migrations.length; done += 1) {
      const migration = migrations[done];
      if (migration) inTransaction(connection, () => runMigration(connection, { migration, number: done + 1, now }));
    }
  } finally {
    connection.close();
  }
}

function runMigration(
  connection: DatabaseSync,
  { migration, number, now }: { migration: Migration; number: number; now: number },
): void {
  if (number === 1) connection.exec(`PRAGMA application_id = ${applicationId}; ${migrationTable}`);
  connection.exec(migration.sql);
  connection
    .prepare("INSERT INTO migration (number, name, checksum, done_at) VALUES (?, ?, ?, ?)")
    .run(number, migration.name, checksum(migration), now);
  renewSums(connection);
  connection.exec(`PRAGMA user_version = ${number}`);
}
