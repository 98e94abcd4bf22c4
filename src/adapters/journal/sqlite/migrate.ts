import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../../../host/sqlite.ts";
import { connect } from "./database.ts";
import { applicationId, checksum, type Migration, migrationTable } from "./schema.ts";
import { renewSums } from "./sums.ts";

/** Runs the migrations that a database lacks; each is one transaction, so a crash leaves none half done. */
export function migrate(file: string, migrations: readonly Migration[], now: number): void {
  const connection = connect(file);
  try {
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
