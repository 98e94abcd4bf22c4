import { Fault } from "../../../base/faults.ts";
import type { AccessToken } from "../../../model/access-token.ts";
import type { TokenBook } from "../../../ports/journal/tokens.ts";
import { type Database, isSqlite, type RowOf, select, sqliteCodes } from "./database.ts";
import type { Migration } from "./schema.ts";
import type { Writes } from "./writes.ts";

const columns = {
  name: "text",
  digest: "text",
  created_at: "integer",
  created_by: "text",
  expires_at: "integer?",
  used_at: "integer?",
} as const;
const one = select(columns, "FROM token WHERE name = ?");
const all = select(columns, "FROM token ORDER BY name");

/** The book of tokens with a name. */
export function tokenBook(database: Database): TokenBook {
  return {
    find: async (name) => {
      const row = database.first(one, name);
      return row ? toToken(row) : null;
    },
    all: async () => database.all(all).map(toToken),
  };
}

function toToken(row: RowOf<typeof columns>): AccessToken {
  const { name, digest, created_at: createdAt, created_by: createdBy, expires_at: expiresAt, used_at: usedAt } = row;
  return { name, digest, createdAt, createdBy, expiresAt, usedAt };
}

export const tokenWrites: Writes<"token.created" | "token.revoked" | "token.used"> = {
  "token.created": (database, { token }) => {
    const { name, digest, createdAt, createdBy, expiresAt, usedAt } = token;
    const times = { created_at: createdAt, expires_at: expiresAt, used_at: usedAt };
    try {
      database.insert("token", { name, digest, created_by: createdBy, ...times });
    } catch (cause) {
      if (!isSqlite(cause, sqliteCodes.constraint)) throw cause;
      throw new Fault("token.name-taken", `a token ${name} already exists`, { cause });
    }
  },
  "token.used": (database, { name, at }) => database.run("UPDATE token SET used_at = ? WHERE name = ?", at, name),
  "token.revoked": (database, { name }) => database.run("DELETE FROM token WHERE name = ?", name),
};

export const tokenTable: Migration = {
  name: "tokens with a name",
  sql: `
CREATE TABLE token (
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
`,
};
