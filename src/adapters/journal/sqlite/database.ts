import { DatabaseSync, type StatementSync } from "node:sqlite";
import { inTransaction } from "../../../host/sqlite.ts";
import { keepSums, quotedName } from "./sums.ts";

/** What a column holds (the tables are STRICT, so it holds nothing else); with `?` it may be null. */
type ColumnType = "integer" | "integer?" | "text" | "text?";
type Columns = Readonly<Record<string, ColumnType>>;
type ValueOf<Type extends ColumnType> = (Type extends `integer${string}` ? number : string) | NullIn<Type>;
type NullIn<Type extends ColumnType> = Type extends `${string}?` ? null : never;

/** A row that was read by its columns. */
export type RowOf<Wanted extends Columns> = { readonly [Name in keyof Wanted]: ValueOf<Wanted[Name]> };

/** A read whose rows have exactly the columns that it names. */
export interface SelectQuery<Wanted extends Columns> {
  readonly columns: Wanted;
  readonly sql: string;
}

/** The read of some columns; `from` is the rest of the statement, with its parameters as `?`. */
export function select<const Wanted extends Columns>(columns: Wanted, from: string): SelectQuery<Wanted> {
  return { columns, sql: `SELECT ${Object.keys(columns).map(quotedName).join(", ")} ${from}` };
}

type Parameter = string | number | null;

/** Runs statements on one connection, each prepared once. Being synchronous, a transaction cannot be interleaved. */
export interface Database {
  all<Wanted extends Columns>(
    query: SelectQuery<Wanted>,
    ...parameters: readonly Parameter[]
  ): readonly RowOf<Wanted>[];
  first<Wanted extends Columns>(
    query: SelectQuery<Wanted>,
    ...parameters: readonly Parameter[]
  ): RowOf<Wanted> | undefined;
  /** Runs a change; the answer is how many rows it changed. */
  run(sql: string, ...parameters: readonly Parameter[]): number;
  /** Adds a row; `otherwise` says what to do about a conflict. The answer is its id. */
  insert(table: string, row: Readonly<Record<string, Parameter>>, otherwise?: string): number;
  /** All of it or nothing; on disk when it returns. */
  transaction<Result>(work: () => Result): Result;
  close(): void;
}

/** SQLite's result codes (sqlite.org/rescode.html); the lowest byte is the primary one. */
export const sqliteCodes = { busy: 5, constraint: 19 } as const;

/**
 * Whether an error is SQLite's about what a file holds: of a file that is well there is none but lack of memory, room
 * or access.
 */
export function isSqliteDamage(thrown: unknown): boolean {
  return isSqlite(thrown, 1, 11, 20, 24, 26); // ERROR, CORRUPT, MISMATCH, FORMAT, NOTADB
}

/** Whether an error is SQLite's with one of these primary result codes. */
export function isSqlite(thrown: unknown, ...codes: readonly number[]): boolean {
  return thrown instanceof Error && "errcode" in thrown && codes.includes(Number(thrown.errcode) & 0xff);
}

/**
 * Opens an existing file for reading and writing. `synchronous=FULL` syncs the write-ahead log once per commit, so a
 * commit survives a loss of power (sqlite.org/pragma.html#pragma_synchronous).
 */
export function openJournalDatabase(file: string): Database {
  const connection = connect(file);
  connection.exec("PRAGMA journal_size_limit = 16777216");
  keepSums(connection);
  return wrap(connection);
}

/** A connection that writes, and whose commits are on disk when they return. */
export function connect(file: string): DatabaseSync {
  const connection = new DatabaseSync(file, { timeout: 5_000, enableForeignKeyConstraints: true });
  connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  return connection;
}

function wrap(connection: DatabaseSync): Database {
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql) ?? connection.prepare(sql);
    prepared.set(sql, known);
    return known;
  };
  return {
    all: <Wanted extends Columns>({ sql }: SelectQuery<Wanted>, ...parameters: readonly Parameter[]) =>
      prepare(sql).all(...parameters) as unknown as RowOf<Wanted>[],
    first: <Wanted extends Columns>({ sql }: SelectQuery<Wanted>, ...parameters: readonly Parameter[]) =>
      prepare(sql).get(...parameters) as RowOf<Wanted> | undefined,
    run: (sql, ...parameters) => Number(prepare(sql).run(...parameters).changes),
    insert: (table, row, otherwise = "") => {
      const names = Object.keys(row).map(quotedName);
      const sql = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) ${otherwise}`;
      return Number(prepare(sql).run(...Object.values(row)).lastInsertRowid);
    },
    transaction: (work) => inTransaction(connection, work),
    close: () => connection.close(),
  };
}
