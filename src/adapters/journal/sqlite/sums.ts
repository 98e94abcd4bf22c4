import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";

/** A table whose rows carry a sum, with its other columns and those that name a row. */
interface Summed {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

/**
 * SQLite's own checks compare pages and indexes, and see nothing of a changed character in a text. So each row carries the
 * CRC-32 of its columns, which finds every change of up to 32 bits in a row (RFC 3385), in its column `sum`. Triggers of this
 * connection alone write it, so that no statement needs to know of it.
 */
export function keepSums(connection: DatabaseSync): void {
  defineSum(connection);
  for (const { table, columns, key } of summed(connection)) {
    const set = `BEGIN UPDATE ${table} SET sum = ${sumOf(columns, "NEW.")} WHERE ${sameRow(key)}; END`;
    connection.exec(`
      CREATE TEMP TRIGGER sum_of_new_${table} AFTER INSERT ON main.${table} ${set};
      CREATE TEMP TRIGGER sum_of_changed_${table} AFTER UPDATE OF ${columns.map(quotedName).join(", ")} ON main.${table} ${set}`);
  }
}

/** Gives every row its sum: after a migration, which may have changed what a row is. */
export function renewSums(connection: DatabaseSync): void {
  defineSum(connection);
  for (const { table, columns } of summed(connection)) connection.exec(`UPDATE ${table} SET sum = ${sumOf(columns)}`);
}

/** A row that is not what was written, in words like `row shop/production 7 of release`; null when all are. */
export function alteredRow(connection: DatabaseSync): string | null {
  defineSum(connection);
  for (const { table, columns, key } of summed(connection)) {
    const names = key.map(quotedName).join(", ");
    const altered = `SELECT ${names} FROM ${table} WHERE sum IS NOT ${sumOf(columns)} LIMIT 1`;
    const row = connection.prepare(altered).get();
    if (row) return `row ${Object.values(row).join(" ").slice(0, 200)} of ${table}`;
  }
  return null;
}

function defineSum(connection: DatabaseSync): void {
  const options = { deterministic: true, varargs: true, useBigIntArguments: true };
  connection.function("fairlead_sum", options, (...values) =>
    crc32(JSON.stringify(values, (_name, value) => (typeof value === "bigint" ? `${value}n` : value))),
  );
}

function summed(connection: DatabaseSync): readonly Summed[] {
  const rows = connection
    .prepare(`SELECT t.name AS "table", c.name AS column, c.pk AS place
      FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid`)
    .all();
  const tables = new Map<string, { column: string; place: number }[]>();
  for (const { table, column, place } of rows) {
    const found = tables.get(String(table)) ?? [];
    tables.set(String(table), [...found, { column: String(column), place: Number(place) }]);
  }
  return [...tables]
    .filter(([, columns]) => columns.some(({ column }) => column === "sum"))
    .map(([table, columns]) => ({
      table,
      columns: columns.map(({ column }) => column).filter((column) => column !== "sum"),
      key: columns.filter(({ place }) => place > 0).map(({ column }) => column),
    }));
}

function sumOf(columns: readonly string[], prefix = ""): string {
  return `fairlead_sum(${columns.map((column) => prefix + quotedName(column)).join(", ")})`;
}

function sameRow(key: readonly string[]): string {
  return key.map((column) => `${quotedName(column)} = NEW.${quotedName(column)}`).join(" AND ");
}

/** `by` is a word of SQL. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
