import { canonicalJson } from "../../../base/digest.ts";
import { type Environment, keyText } from "../../../model/environment.ts";
import type { InstanceFacts } from "../../../model/instance.ts";
import type { EnvironmentBook } from "../../../ports/journal/environments.ts";
import { type Database, type RowOf, select } from "./database.ts";
import { mergeMembers } from "./members.ts";
import { parsed, parsedOrNull, toKey } from "./records.ts";
import type { Migration } from "./schema.ts";
import { destroyValues } from "./values.ts";
import type { Writes } from "./writes.ts";

const columns = {
  key: "text",
  serving: "text?",
  scale: "text",
  variables: "text",
  revision: "integer",
  stopped: "integer",
  maintenance: "text?",
  preview: "text?",
  staged: "integer?",
} as const;

/** `$.endedAt` is null for all that is there. */
const present = select(columns, "FROM environment WHERE json_extract(preview, '$.endedAt') IS NULL ORDER BY key");
const ended = select(columns, "FROM environment WHERE json_extract(preview, '$.endedAt') IS NOT NULL ORDER BY key");
const one = select(columns, "FROM environment WHERE key = ?");
const factsOf = select({ record: "text" }, "FROM facts WHERE environment = ? ORDER BY name");

/** The book of environments and of what is known of their instances. */
export function environmentBook(database: Database): EnvironmentBook {
  return {
    all: async () => database.all(present).map(toEnvironment),
    endedPreviews: async () => database.all(ended).map(toEnvironment),
    find: async (key) => {
      const row = database.first(one, keyText(key));
      return row ? toEnvironment(row) : null;
    },
    facts: async (key) =>
      database.all(factsOf, keyText(key)).map(({ record }) => parsed<InstanceFacts>(record, "record")),
  };
}

function toEnvironment(row: RowOf<typeof columns>): Environment {
  return {
    key: toKey(row.key),
    serving: parsedOrNull(row.serving, "serving release"),
    scale: parsed(row.scale, "scale"),
    variables: parsed(row.variables, "list of values"),
    revision: row.revision,
    stopped: row.stopped === 1,
    maintenance: parsedOrNull(row.maintenance, "maintenance"),
    preview: parsedOrNull(row.preview, "preview"),
    staged: row.staged,
  };
}

export const environmentWrites: Writes<
  "facts" | "facts.forgotten" | "maintenance" | "preview" | "preview.ended" | "scale" | "serving" | "staged" | "stopped"
> = {
  serving: (database, { key, serving }) =>
    database.run("UPDATE environment SET serving = ? WHERE key = ?", serving && canonicalJson(serving), keyText(key)),
  stopped: (database, { key, stopped }) =>
    database.run("UPDATE environment SET stopped = ? WHERE key = ?", stopped ? 1 : 0, keyText(key)),
  staged: (database, { key, staged }) =>
    database.run("UPDATE environment SET staged = ? WHERE key = ?", staged, keyText(key)),
  maintenance: (database, { key, maintenance }) => {
    const record = maintenance && canonicalJson(maintenance);
    database.run("UPDATE environment SET maintenance = ? WHERE key = ?", record, keyText(key));
  },
  preview: (database, { key, preview }) =>
    database.run("UPDATE environment SET preview = ? WHERE key = ?", canonicalJson(preview), keyText(key)),
  "preview.ended": (database, { key, at }) => {
    destroyValues(database, keyText(key));
    const sql = `UPDATE environment SET maintenance = NULL, scale = '{}', preview = json_set(preview, '$.endedAt', ?)
      WHERE key = ?`;
    database.run(sql, at, keyText(key));
  },
  scale: (database, { key, service, replicas }) =>
    mergeMembers(database, keyText(key), { column: "scale", set: { [service]: replicas } }),
  facts: (database, { key, facts }) => {
    const row = { environment: keyText(key), name: facts.name, record: canonicalJson(facts) };
    database.insert("facts", row, "ON CONFLICT (environment, name) DO UPDATE SET record = excluded.record");
  },
  "facts.forgotten": (database, { key, name }) =>
    database.run("DELETE FROM facts WHERE environment = ? AND name = ?", keyText(key), name),
};

/** An environment is created with the first change that names it. */
export function ensureEnvironment(database: Database, key: string): void {
  database.insert("environment", { key }, "ON CONFLICT DO NOTHING");
}

export const maintenanceColumn: Migration = {
  name: "maintenance of an environment",
  sql: `
ALTER TABLE environment ADD COLUMN maintenance TEXT;
`,
};

export const previewColumn: Migration = {
  name: "previews",
  sql: `
ALTER TABLE environment ADD COLUMN preview TEXT;
`,
};

export const stagedText: Migration = {
  name: "code that waits to be deployed",
  sql: `
ALTER TABLE environment ADD COLUMN staged TEXT;
`,
};

export const stagedNumber: Migration = {
  name: "code that waits is a release; what waited before was not built, and has to be staged again",
  sql: `
ALTER TABLE environment DROP COLUMN staged;
ALTER TABLE environment ADD COLUMN staged INTEGER;
`,
};
