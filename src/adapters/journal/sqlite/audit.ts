import { canonicalJson } from "../../../base/digest.ts";
import type { Actor, AuditAction, AuditEntry } from "../../../model/audit.ts";
import { keyText } from "../../../model/environment.ts";
import type { AuditBook } from "../../../ports/journal/audit.ts";
import { type Database, type RowOf, select } from "./database.ts";
import { parsed, toKey } from "./records.ts";
import type { Migration } from "./schema.ts";
import type { Writes } from "./writes.ts";

const columns = {
  id: "integer",
  at: "integer",
  by: "text",
  via: "text",
  address: "text?",
  action: "text",
  environment: "text?",
  names: "text",
  detail: "text",
} as const;

/** `+`: the order is that of the ids, so an index of times is of no use. */
const newest = (where: string) =>
  select(columns, `FROM audit WHERE id < ? AND +at >= ? ${where} ORDER BY id DESC LIMIT ?`);
const all = newest("");
const ofEnvironment = newest("AND environment = ?");

/** The book of who did what. */
export function auditBook(database: Database): AuditBook {
  return {
    page: async ({ key, since = 0, before = Number.MAX_SAFE_INTEGER, limit }) => {
      const rows = key
        ? database.all(ofEnvironment, before, since, keyText(key), limit)
        : database.all(all, before, since, limit);
      return rows.map(toAuditEntry);
    },
  };
}

function toAuditEntry(row: RowOf<typeof columns>): AuditEntry {
  const { id, at, by: name, via, address: from, action, environment, names, detail } = row;
  const actor = { name, via: via as Actor["via"], from };
  const key = environment === null ? null : toKey(environment);
  return { id, at, actor, action: action as AuditAction, key, names: parsed(names, "list of names"), detail };
}

export const auditWrites: Writes<"audit"> = {
  audit: (database, { entry: { at, actor, action, key, names, detail } }) => {
    const { name: by, via, from: address } = actor;
    const environment = key && keyText(key);
    database.insert("audit", { at, by, via, address, action, environment, names: canonicalJson(names), detail });
  },
};

export const auditTable: Migration = {
  name: "who did what",
  sql: `
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  via TEXT NOT NULL,
  address TEXT,
  action TEXT NOT NULL,
  environment TEXT,
  names TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_environment ON audit (environment, id);
CREATE INDEX audit_by_time ON audit (at);
`,
};
