import { type EnvKey, keyText, type SealedValue } from "../../../model/environment.ts";
import type { SecretRef } from "../../../model/release.ts";
import type { ValueBook } from "../../../ports/journal/values.ts";
import { type Database, select } from "./database.ts";
import { mergeMembers } from "./members.ts";
import { toKey } from "./records.ts";
import type { Migration } from "./schema.ts";
import type { Writes } from "./writes.ts";

const version = { name: "text", version: "integer", sealed: "text?", set_at: "integer", set_by: "text" } as const;
const allVersions = select(version, "FROM value WHERE environment = ? ORDER BY name, version DESC");
const versionsOf = select(version, "FROM value WHERE environment = ? AND name = ? ORDER BY version DESC");
const sealedText = select({ sealed: "text?" }, "FROM value WHERE environment = ? AND name = ? AND version = ?");
const sealedTexts = select(
  { environment: "text", name: "text", version: "integer", sealed: "text" },
  `FROM value WHERE (environment, name, version) > (?, ?, ?) AND sealed IS NOT NULL
    ORDER BY environment, name, version LIMIT ?`,
);

/** The book of values: every version that was set, sealed, until it is destroyed. */
export function valueBook(database: Database): ValueBook {
  return {
    sealed: async (key, refs) =>
      refs.map((ref) => database.first(sealedText, keyText(key), ref.secret, ref.version)?.sealed ?? null),
    versions: async (key, name) => {
      const environment = keyText(key);
      const rows =
        name === undefined ? database.all(allVersions, environment) : database.all(versionsOf, environment, name);
      return rows.map(({ name, version, set_at: at, set_by: by, sealed }) => {
        return { name, version, at, by, destroyed: sealed === null };
      });
    },
    sealedTexts: async ({ after, limit }) => {
      const from = after ? ([keyText(after.key), after.secret, after.version] as const) : (["", "", 0] as const);
      return database.all(sealedTexts, ...from, limit).map(({ environment, name, version, sealed }) => {
        return { key: toKey(environment), secret: name, version, sealed };
      });
    },
  };
}

export const valueWrites: Writes<"value.destroyed" | "value.resealed" | "variables"> = {
  variables: (database, { key, set }) => writeValues(database, keyText(key), set),
  "value.destroyed": (database, { key, ref }) => reseal(database, { key, ref, sealed: null }),
  "value.resealed": reseal,
};

/** New versions, and which of them count from now on. A version that is there already does not change. */
function writeValues(database: Database, environment: string, set: Readonly<Record<string, SealedValue | null>>): void {
  const pointers: [string, object | null][] = [];
  for (const [name, value] of Object.entries(set)) {
    if (value === null) {
      pointers.push([name, null]);
      continue;
    }
    const { sealed, ...pointer } = value;
    const { version, at, by } = pointer;
    const row = { environment, name, version, sealed, set_at: at, set_by: by };
    database.insert("value", row, "ON CONFLICT DO NOTHING");
    pointers.push([name, pointer]);
  }
  mergeMembers(database, environment, { column: "variables", set: Object.fromEntries(pointers) });
}

/** What was destroyed stays so. */
function reseal(
  database: Database,
  { key, ref, sealed }: { readonly key: EnvKey; readonly ref: SecretRef; readonly sealed: string | null },
): void {
  const sql = "UPDATE value SET sealed = ? WHERE environment = ? AND name = ? AND version = ? AND sealed IS NOT NULL";
  database.run(sql, sealed, keyText(key), ref.secret, ref.version);
}

/** The text of every version goes, and nothing is set any more; that there were values stays known. */
export function destroyValues(database: Database, environment: string): void {
  database.run("UPDATE value SET sealed = NULL WHERE environment = ?", environment);
  database.run("UPDATE environment SET variables = '{}', revision = revision + 1 WHERE key = ?", environment);
}

export const valueTable: Migration = {
  name: "versions of values, sealed; those set before were not, and have to be set again",
  sql: `
CREATE TABLE value (
  environment TEXT NOT NULL REFERENCES environment (key),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  sealed TEXT,
  digest TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  set_by TEXT NOT NULL,
  PRIMARY KEY (environment, name, version)
) STRICT, WITHOUT ROWID;
UPDATE environment SET variables = '{}';
`,
};

export const noDigests: Migration = {
  name: "values without the digests that were equal in all environments",
  sql: `
ALTER TABLE value DROP COLUMN digest;
UPDATE environment SET variables = (
  SELECT json_group_object(key, json(json_remove(value, '$.digest'))) FROM json_each(environment.variables)
);
`,
};
